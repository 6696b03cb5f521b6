"""What an agent may do, in plain words: for the person who decides whether a client may act as it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gateway.model import JSON, Grant

_HINTS = {
    ("read_only", True): "that only read",
    ("read_only", False): "that may change data",
    ("destructive", True): "that may destroy data",
    ("destructive", False): "that destroy nothing",
    ("idempotent", True): "that may be repeated without harm",
    ("idempotent", False): "that do more each time",
    ("open_world", True): "that reach outside systems",
    ("open_world", False): "that stay within their own data",
}
_WINDOWS = {"per_minute": "calls a minute", "per_run": "calls a run", "per_day": "calls a day", "bytes": "bytes a run"}


def doors(grants: Iterable[Grant]) -> tuple[str, ...]:
    """One sentence for each grant."""
    return tuple(f"{_tools(grant)}{_conditions(grant)}." for grant in grants)


def closed(denied: Iterable[Grant]) -> tuple[str, ...]:
    """One sentence for each deny rule, which holds whatever is granted."""
    return tuple(f"Never: {_lowered(_tools(rule))}{_conditions(rule)}." for rule in denied)


def _tools(grant: Grant) -> str:
    server = "any server" if grant.server == "*" else f"the server {grant.server}"
    which = "Any tools" if grant.tools == ("*",) else f"The tools {_either(grant.tools)}"
    hints = [_HINTS[hint, wanted] for hint, wanted in grant.when.items()]
    return f"{which} of {server}{' ' if hints else ''}{' and '.join(hints)}"


def _conditions(grant: Grant) -> str:
    said = [*_arguments(grant.args)]
    if grant.hours is not None:
        said.append(_hours(grant.hours))
    if grant.limits:
        said.append(f"at most {_listed(f'{cap:,} {_WINDOWS[window]}' for window, cap in grant.limits.items())}")
    if grant.approval is not None:
        said.append(f"each call only after {_approver(grant.approval['by'])} has agreed to it")
    return "".join(f"; {part}" for part in said)


def _arguments(args: Mapping[str, Mapping[str, JSON]]) -> Iterator[str]:
    for name, constraint in args.items():
        if "glob" in constraint:
            yield f"where {name} fits {_either(constraint['glob'])}"
        if "one_of" in constraint:
            yield f"where {name} is {_either(constraint['one_of'])}"
        if "range" in constraint:
            yield f"where {name} is {_range(constraint['range'])}"
        if "max_bytes" in constraint:
            yield f"where {name} has at most {constraint['max_bytes']:,} bytes"


def _range(bounds: Mapping[str, JSON]) -> str:
    low, high = bounds.get("min"), bounds.get("max")
    if low is not None and high is not None:
        return f"between {low} and {high}"
    return f"at least {low}" if high is None else f"at most {high}"


def _hours(hours: Mapping[str, JSON]) -> str:
    days = "every day" if len(hours["days"]) == 7 else f"on {', '.join(day.capitalize() for day in hours['days'])}"
    return f"only {days} from {hours['from']} to {hours['to']} ({hours['tz']})"


def _approver(by: str) -> str:
    kind, _, name = by.partition(":")
    return {"role": f"somebody with the role {name}", "user": name}.get(kind, "the agent's owner")


def _either(words: Iterable[JSON]) -> str:
    return " or ".join(str(word) for word in words)


def _listed(parts: Iterable[str]) -> str:
    return " and ".join(parts)


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
