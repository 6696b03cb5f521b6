"""A gateway for measurements: `python -m benchmarks.serve CONFIG` prints `{"url", "token"}` once it answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gateway.app import Services, serve
from gateway.config.load import load


async def ready(services: Services) -> str:
    agent = next(iter(services.config.agents))
    issued = await services.tokens.issue(agent, ttl_seconds=3_600)
    return json.dumps({"url": f"http://{services.config.gateway.listen}", "token": issued["token"]})


if __name__ == "__main__":
    path = Path(sys.argv[1])
    raise SystemExit(serve(load(path), config_path=path, watch=False, json_logs=False, banner=ready))
