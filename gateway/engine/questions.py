"""What a run asks of a person, as a form that an MCP client can show (elicitation), and the answer from it. Pure.

A form is a flat object of texts, numbers, truths and choices: MCP has no more. What does not fit into one is answered
on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from gateway.engine.replay import Call, History
from gateway.errors import UsageError
from gateway.model import JSON

OWNER = "owner"
MOST_DETAILS = 4_000
"""Characters."""
_ONE = "value"
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
}
_APPROVAL = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean", "title": "Approve?"},
        "comment": {"type": "string", "title": "Comment"},
    },
    "required": ["approved"],
}


@dataclass(frozen=True, slots=True)
class Question:
    """What command `cid` of a run waits for. `schema` is the form's; `single`: the value is in its only field."""

    cid: int
    kind: Literal["approval", "input"]
    message: str
    schema: Mapping[str, JSON]
    single: bool = False

    def answer(self, content: Any) -> Any:
        """What a filled form says: `{"approved", "comment"?}` of an approval, else the value. Raises `UsageError` for
        what does not fit: nobody has answered then."""
        filled = content if isinstance(content, dict) else {}
        fields: Mapping[str, Any] = self.schema["properties"]
        missing = [name for name in self.schema.get("required", ()) if filled.get(name) is None]
        wrong = [name for name, value in filled.items() if name in fields and not _fits(value, fields[name])]
        if missing or wrong:
            faults = [f"{name!r} is missing" for name in missing] + [f"{name!r} does not fit" for name in wrong]
            raise UsageError(f"The form's answer is wrong: {', '.join(faults)}.", fix="The run goes on waiting.")
        return filled[_ONE] if self.single else {n: v for n, v in filled.items() if n in fields and v is not None}


def open_question(history: History) -> Question | None:
    """The oldest command of a run that a form in its own client may answer: an `ask`, or an approval that is the
    owner's to give. None where somebody else has to, or no form fits."""
    for call in history.open_calls():
        found = _question(call)
        if found is not None:
            return found
    return None


def _question(call: Call) -> Question | None:
    args: Any = call.data.get("args")
    if call.kind == "tool" and call.approval is not None and not call.approved:
        if call.approval.get("by") != OWNER:
            return None
        message = f"May {call.name} be called with these arguments?\n{_details(args)}"
        return Question(call.cid, "approval", message, _APPROVAL)
    if call.kind == "approve" and args.get("by") in (None, OWNER):
        details = args.get("details")
        message = args["question"] if details is None else f"{args['question']}\n{_details(details)}"
        return Question(call.cid, "approval", message, _APPROVAL)
    if call.kind == "ask" and isinstance(args, dict):
        return _asked(call.cid, args["message"], args["schema"])
    return None


def _asked(cid: int, message: str, schema: Any) -> Question | None:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if isinstance(properties, dict) and properties and all(map(_is_field, properties.values())):
        required = [name for name in schema.get("required", ()) if name in properties]
        form = {"type": "object", "properties": properties, **({"required": required} if required else {})}
        return Question(cid, "input", message, form)
    if _is_field(schema):
        return Question(
            cid, "input", message, {"type": "object", "properties": {_ONE: schema}, "required": [_ONE]}, single=True
        )
    return None


def _is_field(schema: Any) -> bool:
    if not isinstance(schema, dict) or schema.get("type") not in _TYPES:
        return False
    choices = schema.get("enum", ())
    return isinstance(choices, list | tuple) and all(isinstance(choice, str) for choice in choices)


def _fits(value: Any, field: Mapping[str, Any]) -> bool:
    if value is None:
        return True
    wanted = field["type"]
    typed = isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))
    return typed and ("enum" not in field or value in field["enum"])


def _details(value: JSON) -> str:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return text if len(text) <= MOST_DETAILS else f"{text[:MOST_DETAILS]}…"
