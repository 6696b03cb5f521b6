"""The four tools a client sees: their arguments, their schemas, their words.

Everything here is read by a model in every conversation, so each word is paid for: a test holds the whole, with the
server's instructions, under the contract's 1,000 tokens.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from mcp.types import Tool, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from gateway.errors import UsageError

LONGEST_WAIT_SECONDS = 600

INSTRUCTIONS = """\
Code mode: the tools behind this gateway are called from TypeScript programs. `search` gives their declarations, \
`execute` runs a program. Do a whole task in one program: loop, branch, Promise.all, and return only what is needed.

"""

_Wait = Field(default=30, ge=0, le=LONGEST_WAIT_SECONDS, description="How long to wait for the end")


class Arguments(BaseModel):
    """Unknown keys are refused; `null` for an optional argument counts as absent, since some clients fill all."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SearchArguments(Arguments):
    query: str = Field(default="", max_length=2_000, description="The task in plain words; without it: the inventory")
    server: str = Field(default="", description="Only this server")
    detail: Literal["names", "signatures", "full"] = "signatures"
    limit: int = Field(default=10, ge=1, le=200)


class ExecuteArguments(Arguments):
    code: str = Field(min_length=1, description="TypeScript: the body of an async function")
    session: str = Field(
        default="default", pattern=r"^[A-Za-z0-9._-]{1,64}$", description="`state` is kept per session"
    )
    wait_seconds: float = _Wait


class ResultArguments(Arguments):
    run_id: str
    wait_seconds: float = _Wait


class CancelArguments(Arguments):
    run_id: str


_ARGUMENTS: dict[str, type[Arguments]] = {
    "search": SearchArguments,
    "execute": ExecuteArguments,
    "result": ResultArguments,
    "cancel": CancelArguments,
}

_DESCRIPTIONS = {
    "search": "Find tools for a task: their TypeScript declarations, best first. Search before the first `execute`.",
    "execute": """\
Type-check and run a TypeScript program. On a type error nothing runs: mend it and call again.

import { git } from "tools";
const log = await git.gitLog({ repo_path: ".", max_count: 5 });
return log.length;

One namespace per server, one async function per tool, one object argument, named as `search` shows. A failing tool \
throws ToolError. Globals: console, sleep(ms | "3 days"), approve(question) and ask(message, schema) for a person, \
waitFor(event), state.get/set, progress(done, total), emit(contentBlock), results.get(handle) for values in `omitted`. \
No other imports, no network, no files.
If the status is running or waiting, ask `result` later.""",
    "result": "The run as it is now, or when it ends within wait_seconds.",
    "cancel": "Stop a run.",
}


def _schema(arguments: type[Arguments]) -> dict[str, Any]:
    """The input schema without pydantic's titles, which repeat the names."""
    schema = arguments.model_json_schema()
    for owner in (schema, *schema["properties"].values()):
        owner.pop("title", None)
    schema.pop("description", None)
    return schema


TOOLS: dict[str, Tool] = {
    name: Tool(
        name=name,
        description=_DESCRIPTIONS[name],
        input_schema=_schema(arguments),
        annotations=ToolAnnotations(read_only_hint=True) if name in ("search", "result") else None,
    )
    for name, arguments in _ARGUMENTS.items()
}

_Arguments = TypeVar("_Arguments", bound=Arguments)


def parse(tool: str, arguments: Mapping[str, Any] | None) -> Arguments:
    """The arguments of a call as their model. Raises UsageError that names each mistake and what is right."""
    model = _ARGUMENTS[tool]
    given = {key: value for key, value in (arguments or {}).items() if value is not None}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        mistakes = "; ".join(_mistake(detail, model) for detail in error.errors(include_url=False))
    raise UsageError(f"{tool}: {mistakes}.", fix=f"Arguments: {', '.join(_signature(model))}.") from None


def _mistake(detail: ErrorDetails, model: type[Arguments]) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    match detail["type"]:
        case "missing":
            return f"the argument '{key}' is missing"
        case "extra_forbidden":
            near = difflib.get_close_matches(key, model.model_fields, n=1)
            return f"there is no argument '{key}'" + (f" (did you mean '{near[0]}'?)" if near else "")
        case _:
            words = detail["msg"]
            return f"'{key}' is wrong: {words[:1].lower()}{words[1:]}"


def _signature(model: type[Arguments]) -> list[str]:
    return [name if field.is_required() else f"{name}?" for name, field in model.model_fields.items()]
