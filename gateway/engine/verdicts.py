"""What the type checker's findings mean for a program: which reject it, which are a warning, which say nothing.

A program is rejected for what would go wrong when it runs, and for misuse of a tool: an unknown name, an unknown or
missing property, a wrong type, a wrong number of arguments. Plain JavaScript as models write it passes: variables that
change their type, objects that get properties later, functions without types, `null` that is looked into. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from gateway.engine import wording
from gateway.engine.codes import (
    ALWAYS,
    ARGUMENTS,
    FIRST_SEMANTIC,
    HABITS,
    HARMLESS_SYNTAX,
    NAMES,
    PROPERTIES,
    UNREACHABLE,
    UNTYPED,
    UNUSED,
)
from gateway.engine.program import Program
from gateway.engine.usage import Callee, Usage
from gateway.model import Diagnostic

MAX_LISTED = 25
"""Of each kind; the last one says how many more there are."""
MAX_WISHES = 3
MAX_LOOKED_AT = 500
"""Findings whose place is looked at; a program with more is rejected for them as they are."""

_ERROR, _WARNING = 1, 2
_TOO_FEW_OR_MANY = frozenset({2554, 2555})
_OPERATOR = 2365
_IMPORTS = frozenset({2614, 2724})
_OPEN_TYPES = frozenset({"{}", "never", "object", "unknown", "Error", "undefined", "null"})
_NULLISH = frozenset({"null", "undefined"})

_NO_PROPERTY = re.compile(r"Property '(?P<name>[^']+)' does not exist on type '(?P<type>.*?)'(?:\.|$)", re.MULTILINE)
_NAME = re.compile(r"(?:name|property|member(?: named)?) '(?P<name>[^']+)'")
_MISSING = re.compile(r"Property '(?P<one>[^']+)' is missing in type|properties from type '.*': (?P<more>.*)")
_MISMATCH = re.compile(
    r"(?:Type|Argument of type) '(?P<source>.*?)' is not assignable to (?:parameter of )?type '(?P<target>.*)'"
)
_NOT_ITERABLE = re.compile(r"Type '(?P<type>.*?)' (?:must have|is not an array|has no)")
_BUILT_IN = re.compile(r"string|number|boolean|bigint|true|false|Date|[-\d].*|\".*|.*\[\]")
_BIGINT = re.compile(r"'(?:bigint|-?\d+n)'")
_PERHAPS_CALLABLE = re.compile(r"Type 'never'|Each member of the union|Not all constituents")


class Verdict(Enum):
    REJECT = "reject"
    WARN = "warn"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of the language server. The position is its own: 0-based, in the check text."""

    code: int
    message: str
    line: int
    character: int
    hint: bool = False
    related: str = ""

    @classmethod
    def read(cls, item: Mapping[str, Any]) -> Finding | None:
        """From an LSP `Diagnostic`. None for what is not TypeScript's: Deno adds some with words for codes."""
        if not isinstance(item.get("code"), int):
            return None
        start = item["range"]["start"]
        related = " ".join(str(note["message"]) for note in item.get("relatedInformation") or ())
        hint = int(item.get("severity", _ERROR)) > _WARNING
        return cls(item["code"], str(item["message"]), start["line"], start["character"], hint, related)


@dataclass(frozen=True, slots=True)
class Wish:
    """A place in the check text where the names that could stand there would help the author."""

    line: int
    character: int


@dataclass(frozen=True, slots=True)
class _Judged:
    """A finding at the author's place, in the author's words. `name` is what it is about."""

    verdict: Verdict
    code: int
    line: int
    column: int
    message: str
    name: str = ""
    wish: Wish | None = None


class Judgement:
    """All findings of one program, judged. `wishes` are names worth asking the server for before `conclude`."""

    def __init__(self, judged: Sequence[_Judged]) -> None:
        self._judged = judged
        wishes = (one.wish for one in judged if one.wish is not None)
        self.wishes = list(dict.fromkeys(wishes))[:MAX_WISHES]

    def conclude(self, names: Mapping[Wish, Sequence[str]]) -> tuple[tuple[Diagnostic, ...], tuple[Diagnostic, ...]]:
        """What rejects, else what warns; `names` are the answers to wishes. Beside a syntax error nothing counts."""
        rejects = [_answered(one, names) for one in self._judged if one.verdict is Verdict.REJECT]
        if rejects:
            return _listed([one for one in rejects if one.code < FIRST_SEMANTIC] or rejects), ()
        return (), _listed(_gathered([one for one in self._judged if one.verdict is Verdict.WARN]))


def judge(program: Program, findings: Sequence[Finding], declarations: str) -> Judgement:
    """Judge the findings in `program.check_text`. `declarations` is the text of the module it was checked against."""
    judge = _Judge(program, findings, declarations)
    return Judgement([judge.judged(finding, at < MAX_LOOKED_AT) for at, finding in enumerate(findings)])


class _Judge:
    """Knows one program while its findings are judged."""

    def __init__(self, program: Program, findings: Iterable[Finding], declarations: str) -> None:
        self._program = program
        self._declarations = declarations
        self._usage = Usage(program)
        self._end = program.end
        self._changing = frozenset(self._reassigned(findings))

    def _reassigned(self, findings: Iterable[Finding]) -> Iterable[str]:
        """Variables without a declared type that get values of several: what is found about their type is moot."""
        for finding in findings:
            place = self._program.locate(finding.line, finding.character) if finding.code in ARGUMENTS else None
            if place is not None:
                index = self._usage.token(*place)
                if self._usage.is_assigned(index) and self._usage.text(index) not in self._usage.annotated:
                    yield self._usage.text(index)

    def judged(self, finding: Finding, look: bool) -> _Judged:
        """`look`: whether to look at the place; else what the code may mean, it does mean."""
        place = self._program.locate(finding.line, finding.character)
        if place is None:
            return self._outside(finding)
        one = _Judged(_verdict(finding), finding.code, *place, wording.shortened(finding.message), _name(finding))
        if not look or finding.code < FIRST_SEMANTIC:
            return one
        index = self._usage.token(*place)
        if one.verdict is Verdict.REJECT:
            return self._looked_at(finding, one, index)
        if finding.code in UNUSED and not self._usage.is_declared(index):
            return replace(one, verdict=Verdict.DROP)
        return one

    def _outside(self, finding: Finding) -> _Judged:
        """A finding in our own first or last line: at most that the author's text ends too early."""
        verdict = Verdict.DROP if finding.hint or finding.code >= FIRST_SEMANTIC else Verdict.REJECT
        return _Judged(verdict, finding.code, *self._program.end, wording.shortened(finding.message))

    def _looked_at(self, finding: Finding, one: _Judged, index: int) -> _Judged:
        code = finding.code
        if code in PROPERTIES:
            return self._property(finding, one, index)
        if code in ARGUMENTS:
            message = wording.mismatch(one.message, finding.related)
            return replace(one, verdict=self._argument(finding, index), message=message)
        if code in NAMES:
            verdict = Verdict.DROP if self._usage.text(index - 1) == "typeof" else Verdict.REJECT
            return replace(one, verdict=verdict, message=wording.no_name(one.name, self._declarations, one.message))
        if code in _IMPORTS:
            return replace(one, message=wording.no_export(one.name, self._declarations))
        return replace(one, verdict=Verdict.WARN if _may_work(finding) else Verdict.REJECT)

    # --- a property that is not there ---

    def _property(self, finding: Finding, one: _Judged, index: int) -> _Judged:
        found = _NO_PROPERTY.search(finding.message)
        if found is None:
            return replace(one, verdict=Verdict.DROP)
        usage = self._usage
        owner = index - 2 if usage.text(index - 1) in (".", "?.") else index
        verdict = self._presence(found["name"], found["type"], index, owner)
        chain = usage.chain(owner)
        called = ".".join(chain.names) if owner != index and chain.whole else None
        message = wording.no_property(found["type"], called, finding.message)
        advised = verdict is not Verdict.REJECT or "Did you " in message
        wish = None if advised else Wish(finding.line, finding.character)
        return replace(one, verdict=verdict, message=message, name=found["name"], wish=wish)

    def _presence(self, name: str, owner_type: str, index: int, owner: int) -> Verdict:
        """Whether the property is there when the program runs. It is when the program puts it there; it may be when
        any may, or when the value has one of several types, of which one seems to have it."""
        usage = self._usage
        root = usage.root(owner)
        if name in usage.assigned_properties or usage.is_assigned(index) or owner_type in _OPEN_TYPES:
            return Verdict.DROP
        if usage.has_literal_default(index) or root in self._changing or root in usage.grown:
            return Verdict.DROP
        members = _members(owner_type)
        if len(members) < 2:
            return Verdict.REJECT
        known = name in usage.literal_keys or any(f" {name}{mark}" in self._declarations for mark in (":", "?:"))
        return Verdict.WARN if known or any(_BUILT_IN.fullmatch(member) for member in members) else Verdict.REJECT

    # --- a value that does not fit ---

    def _argument(self, finding: Finding, index: int) -> Verdict:
        usage = self._usage
        if usage.is_assigned(index):
            return Verdict.REJECT if usage.text(index) in usage.annotated else Verdict.DROP
        callee = usage.callee(index)
        if finding.code in _TOO_FEW_OR_MANY:
            return self._count(callee, index)
        if callee is Callee.UNTYPED or self._is_habit(finding, index):
            return Verdict.DROP
        if self._may_fit(finding, index) or (callee is Callee.LIBRARY and not _is_no_function(finding)):
            return Verdict.WARN
        return Verdict.REJECT

    def _count(self, callee: Callee | None, index: int) -> Verdict:
        """JavaScript takes any number of arguments; a tool does not."""
        return Verdict.REJECT if callee in (Callee.TOOL, Callee.TYPED) else Verdict.DROP

    def _is_habit(self, finding: Finding, index: int) -> bool:
        """Whether only plain JavaScript's ways keep the checker from knowing the value's type: a variable that changes
        its type, a list that was empty at first, an object before its properties were assigned."""
        usage = self._usage
        values, missing = usage.value_names(index), _missing(finding.message)
        if values & self._changing or any(found["target"] == "never" for found in _MISMATCH.finditer(finding.message)):
            return True
        if not missing or usage.is_literal(index):
            return False
        return missing <= usage.assigned_properties or bool(values & usage.grown)

    def _may_fit(self, finding: Finding, index: int) -> bool:
        """Whether the value may fit when the program runs: its type is not known, or wider than what is wanted."""
        mismatches = list(_MISMATCH.finditer(finding.message))
        if not mismatches:
            return False
        first, last = mismatches[0]["source"], mismatches[-1]["source"]
        if "unknown" in (first, last) or _is_widened(last, mismatches[-1]["target"]):
            return True
        return last in _NULLISH and (first not in _NULLISH or not self._usage.is_nullish(index))


def _verdict(finding: Finding) -> Verdict:
    """What the code says alone."""
    code = finding.code
    if finding.hint:
        return Verdict.WARN if code in UNUSED or code == UNREACHABLE else Verdict.DROP
    if code < FIRST_SEMANTIC:
        return Verdict.WARN if code in HARMLESS_SYNTAX else Verdict.REJECT
    if code in HABITS:
        return Verdict.DROP
    known = code in PROPERTIES or code in ARGUMENTS or code in NAMES or code in ALWAYS
    return Verdict.REJECT if known else Verdict.WARN


def _may_work(finding: Finding) -> bool:
    """Whether what cannot be called or iterated is only not known to be, or only perhaps null; or two types that an
    operator does not take together are such as JavaScript converts."""
    if finding.code == _OPERATOR:
        return _BIGINT.search(finding.message) is None
    found = _NOT_ITERABLE.search(finding.message)
    if found is None:
        return _PERHAPS_CALLABLE.search(finding.message) is not None
    return found["type"] in _OPEN_TYPES or not _NULLISH.isdisjoint(found["type"].split(" | "))


def _is_widened(source: str, target: str) -> bool:
    """Whether some text or number is given where certain ones are wanted. What a variable holds may be one of them:
    JavaScript has no way to say so."""
    literal = {"string": '"', "number": "-0123456789"}.get(source)
    wanted = [member for member in _members(target) if member not in _NULLISH]
    return literal is not None and bool(wanted) and all(member[:1] in literal for member in wanted)


def _is_no_function(finding: Finding) -> bool:
    """Whether a function is wanted and something else given: the one wrong type that the language itself refuses."""
    found = _MISMATCH.search(finding.message)
    return found is not None and "=>" in found["target"] and "=>" not in found["source"]


def _members(text: str) -> list[str]:
    """The members of a union, as written: what stands between bars outside all brackets."""
    members, depth = [""], 0
    for char in text:
        depth += (char in "{[(<") - (char in "}])>")
        if char == "|" and depth == 0:
            members.append("")
        else:
            members[-1] += char
    return [member.strip() for member in members]


def _missing(message: str) -> frozenset[str]:
    """The properties that a message says are missing. It may count some without naming them: those are `…`."""
    found = _MISSING.search(message)
    if found is None:
        return frozenset()
    if found["one"]:
        return frozenset({found["one"]})
    return frozenset("…" if name.startswith("and ") else name.strip(" .") for name in found["more"].split(", "))


def _name(finding: Finding) -> str:
    found = _NAME.search(finding.message) or re.search(r"'(?P<name>[^']+)'", finding.message)
    return found["name"] if found and found["name"] not in _OPEN_TYPES else ""


def _answered(one: _Judged, names: Mapping[Wish, Sequence[str]]) -> _Judged:
    if one.wish is None:
        return one
    return replace(one, message=wording.with_names(one.message, one.name, names.get(one.wish, ())))


def _gathered(warns: Sequence[_Judged]) -> list[_Judged]:
    """One warning for all names without a type, and one for all that are unused: each alone says too little."""
    kinds = ((UNTYPED, wording.untyped), (UNUSED, wording.unused))
    gathered = [one for one in warns if one.code not in UNTYPED and one.code not in UNUSED]
    for codes, worded in kinds:
        alike = [one for one in warns if one.code in codes]
        if alike:
            gathered.append(replace(alike[0], message=worded([one.name for one in alike])))
    return gathered


def _listed(found: Iterable[_Judged]) -> tuple[Diagnostic, ...]:
    """In the order of the text, each message once, and not too many."""
    first = {one.message: one for one in sorted(found, key=lambda one: (one.line, one.column), reverse=True)}
    ordered = sorted((one.line, one.column, one.message, one.code) for one in first.values())
    listed = [Diagnostic(*one) for one in ordered[:MAX_LISTED]]
    if len(ordered) > MAX_LISTED:
        line, column, message, code = ordered[MAX_LISTED]
        listed.append(Diagnostic(line, column, f"{message} … and {len(ordered) - MAX_LISTED - 1} more.", code))
    return tuple(listed)
