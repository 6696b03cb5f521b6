"""How `/api/v1` is served: an operation is a row of a table; its route, checks and OpenAPI entry follow from it.

A handler gets a `Call` with everything parsed and returns JSON, or raises a GatewayError, whose status and text are
the answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gateway.errors import Forbidden, GatewayError, UsageError
from gateway.model import JSON, Principal
from gateway.web.services import Services

_REF = "#/components/schemas/{model}"
_ANYTHING = ":path"
"""After the name of a path's part: it may hold slashes, as names of servers and events do."""


class Input(BaseModel):
    """Base of every request body and query: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Nothing(Input):
    """For an operation without a body or without a query."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, parsed: `query` and `body` are instances of what the operation declares."""

    services: Services
    principal: Principal
    path: Mapping[str, str]
    query: Any
    body: Any


@dataclass(frozen=True, slots=True)
class Operation:
    """A row of the table. `open_to` says who may call it at all; the handler sees to what belongs to whom."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    summary: str
    handler: Callable[[Call], Awaitable[JSON | AsyncIterator[JSON]]]
    """Returns one document, or a stream of them."""
    body: Any = Nothing
    query: type[Input] = Nothing
    open_to: Literal["admin", "token"] = "admin"


def json_response(value: JSON, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    content = orjson.dumps(value)
    return Response(content, status_code=status, headers=headers, media_type="application/json")


def stream_response(documents: AsyncIterator[JSON]) -> Response:
    """JSON documents as they come, one on each line; an empty line is a sign of life. What goes wrong after the first
    is the last line, `{"error": …}`."""

    async def lines() -> AsyncIterator[bytes]:
        try:
            async for document in documents:
                yield b"\n" if document is None else orjson.dumps(document) + b"\n"
        except GatewayError as error:
            yield orjson.dumps({"error": error.as_dict()}) + b"\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})


def error_response(error: GatewayError) -> Response:
    return json_response({"error": error.as_dict()}, error.status)


def route(operation: Operation, services: Services, prefix: str) -> Route:
    body = TypeAdapter(operation.body)

    async def endpoint(request: Request) -> Response:
        principal: Principal = request.scope["principal"]
        if operation.open_to == "admin" and not principal.admin:
            raise Forbidden("This needs an administrator's bearer.", fix="Use the admin key in the data folder.")
        call = Call(
            services=services,
            principal=principal,
            path=request.path_params,
            query=_parsed(TypeAdapter(operation.query), dict(request.query_params), "query"),
            body=None if operation.body is Nothing else _parsed(body, await _json_body(request), "body"),
        )
        answer = await operation.handler(call)
        return stream_response(answer) if isinstance(answer, AsyncIterator) else json_response(answer)

    return Route(prefix + operation.path, endpoint, methods=[operation.method])


async def _json_body(request: Request) -> JSON:
    """The body as JSON; an empty one is null. Raises UsageError."""
    content = await request.body()
    try:
        return orjson.loads(content) if content else None
    except orjson.JSONDecodeError as error:
        raise UsageError(f"The body is not JSON: {error}.", fix="Send a JSON document.") from None


def _parsed(adapter: TypeAdapter[Any], value: JSON, part: str) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(str(key) for key in detail['loc']) or part}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors(include_url=False, include_input=False)
        )
    raise UsageError(f"The request's {part} is wrong: {mistakes}.", fix="/api/v1/openapi.json tells what is right.")


# --- OpenAPI -----------------------------------------------------------------------------------------------------


def openapi(operations: Sequence[Operation], prefix: str) -> dict[str, JSON]:
    """The OpenAPI 3.1 document of the table."""
    models = {model for operation in operations for model in (operation.body, operation.query) if _is_model(model)}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    paths: dict[str, dict[str, JSON]] = {}
    for operation in operations:
        paths.setdefault(prefix + operation.path.replace(_ANYTHING, ""), {})[operation.method.lower()] = _entry(
            operation, schemas["$defs"]
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "MCP code gateway", "version": version("mcp-code-gateway")},
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _is_model(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, BaseModel) and model is not Nothing


def _entry(operation: Operation, schemas: Mapping[str, Any]) -> dict[str, JSON]:
    path = operation.path.replace(_ANYTHING, "")
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    if operation.query is not Nothing:
        query = schemas[operation.query.__name__]
        parameters += [
            {"name": name, "in": "query", "required": name in query.get("required", ()), "schema": schema}
            for name, schema in query["properties"].items()
        ]
    entry: dict[str, JSON] = {
        "summary": operation.summary,
        "parameters": parameters,
        "responses": {"200": {"description": "Done"}, "default": {"description": 'An error: {"error": {…}}'}},
    }
    if operation.body is not Nothing:
        schema = {"$ref": _REF.format(model=operation.body.__name__)} if _is_model(operation.body) else {}
        entry["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return entry
