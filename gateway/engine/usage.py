"""What a program's text says about the place of a finding: which call it is an argument of, what is assigned to, which
names stand for tools. Pure, on tokens; asked only when the type checker has something to say.

The type checker knows types, but not where a value comes from; whether something is a mistake in the use of a tool or a
habit of plain JavaScript depends on that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from gateway.engine.forms import level, read_function
from gateway.engine.lexer import LINE_BREAK, Token, lex
from gateway.engine.program import Program

WORLD = frozenset(
    {"sleep", "approve", "ask", "waitFor", "state", "results", "progress", "emit", "continueWith", "continued"}
)
"""The gateway's own globals: to misuse one is as bad as to misuse a tool."""

_ASSIGNS = frozenset({"=", "+=", "-=", "*=", "%=", "**=", "<<=", ">>=", ">>>=", "&=", "|=", "^=", "&&=", "||=", "??="})
_STEPS = frozenset({"++", "--"})
_DECLARES = frozenset({"const", "let", "var"})
_FAR = 400
"""Tokens that are looked at on either side of a finding."""


class Callee(Enum):
    """Whose function an argument is given to."""

    TOOL = "a tool, or a function of the gateway"
    TYPED = "a function of the program that says what types it takes"
    UNTYPED = "a function of the program that does not"
    LIBRARY = "a function of the language, or one that is not known by name"


@dataclass(frozen=True, slots=True)
class Chain:
    """`a.b.c` as written: its names, and whether that is all, with no call or index before it."""

    names: tuple[str, ...]
    whole: bool


class Usage:
    """One program, looked at."""

    def __init__(self, program: Program) -> None:
        self._text = program.text
        self._line_starts = [0, *(match.end() for match in LINE_BREAK.finditer(program.text))]
        self._tokens = lex(program.text)
        self._parts = self._tokens.all
        self._starts = [part.start for part in self._parts]

    def token(self, line: int, column: int) -> int:
        """The index of the token at an author's position; -1 before the first."""
        return bisect_right(self._starts, self._offset(line, column)) - 1

    def text(self, index: int) -> str:
        return self._tokens.text_at(index)

    # --- facts about a place ---

    def is_assigned(self, index: int) -> bool:
        """Whether the name, property or element that starts at this token is what an assignment changes."""
        after = self._after_chain(index)
        return self.text(after) in _ASSIGNS or self.text(after) in _STEPS or self.text(index - 1) in _STEPS

    def is_declared(self, index: int) -> bool:
        """Whether this token is a name right after `const`, `function` or the like; not a parameter."""
        return self.text(index - 1) in _DECLARES | {"function", "class"}

    def has_literal_default(self, index: int) -> bool:
        """Whether this token is in a pattern whose default is an object literal: `{ path } = {}`."""
        opener = next(self._around(index), -1)
        after = self._pair(opener) + 1
        return self.text(opener) == "{" and self.text(after) == "=" and self.text(after + 1) == "{"

    def root(self, index: int) -> str | None:
        """The variable that the chain ending at this token starts from, whatever is called or indexed on the way."""
        while index > 0:
            before = index - 1
            if self.text(index) in ("]", ")"):
                opener = self._parts[index].pair
                if opener <= 0 or not self._ends_operand(opener - 1):
                    inner = index - 1 if self.text(index) == ")" else -1
                    return self.root(inner) if inner > opener else None
                index = opener - 1
            elif self.text(before) in (".", "?."):
                index = before - 1
            elif self.text(before) == "!":
                index = before
            else:
                break
        return self.text(index) if index >= 0 and self._parts[index].kind == "word" else None

    def chain(self, index: int) -> Chain:
        """The chain of names that ends at this token: `a.b.c`, `a.b["c"]`."""
        names = list[str]()
        while self.text(index) == "]" and self._kind(index - 1) == "string" and self._pair(index) == index - 2:
            names.insert(0, self.text(index - 1)[1:-1])
            index -= 3
        names.insert(0, self.text(index))
        while self.text(index - 1) in (".", "?."):
            index -= 2
            if self._kind(index) != "word":
                return Chain(tuple(names), False)
            names.insert(0, self.text(index))
        return Chain(tuple(names), self._kind(index) == "word")

    def callee(self, index: int) -> Callee | None:
        """Whose argument stands at this token (or whose name, if it is called there). None: no argument at all."""
        called = self._called_name(index)
        if called is None:
            return None
        chain = self.chain(called)
        if chain.whole and (chain.names[0] in self.tool_names or self._is_world(chain.names[0])):
            return Callee.TOOL
        if len(chain.names) > 1 or chain.names[0] not in self.functions:
            return Callee.LIBRARY
        return Callee.TYPED if self.functions[chain.names[0]] else Callee.UNTYPED

    def value_names(self, index: int) -> frozenset[str]:
        """The variables in the value that a finding at this token is about: that of `{ name: value }`, or its own."""
        start, found = self._value(index), set[str]()
        for at in range(start, min(start + _FAR, len(self._parts))):
            part = self._parts[at]
            if 0 <= part.pair < start or (part.text in (",", ";") and part.depth == self._parts[start].depth):
                break
            if part.kind == "word" and self.text(at - 1) not in (".", "?."):
                found.add(part.text)
        return frozenset(found)

    def is_literal(self, index: int) -> bool:
        """Whether that value is an object literal."""
        return self.text(self._value(index)) == "{"

    def is_nullish(self, index: int) -> bool:
        """Whether that value is `null` or `undefined`, written out."""
        return self.text(self._value(index)) in ("null", "undefined")

    # --- facts about the whole program ---

    @cached_property
    def tool_names(self) -> frozenset[str]:
        """The variables that stand for all tools, a server's tools, or one tool."""
        names = {"tools", *self._imported()}
        for index, part in enumerate(self._parts):
            if part.text in _DECLARES and part.kind == "word":
                names |= self._aliases(index + 1, names)
        return frozenset(names)

    @cached_property
    def functions(self) -> dict[str, bool]:
        """The program's own functions by name → whether they say what types they take."""
        found: dict[str, bool] = {}
        for index, part in enumerate(self._parts):
            if part.text == "function" and self._kind(index + 1) == "word":
                self._note_function(found, self.text(index + 1), index)
            elif part.text in _DECLARES and self.text(index + 2) == "=":
                self._note_function(found, self.text(index + 1), index + 3)
        return found

    @cached_property
    def assigned_properties(self) -> frozenset[str]:
        """The names of all properties that the program itself assigns somewhere."""
        found = set[str]()
        for index, part in enumerate(self._parts):
            if part.kind == "word" and self.text(index - 1) in (".", "?."):
                name, after = part.text, index + 1
            elif part.kind == "string" and self.text(index - 1) == "[" and self.text(index + 1) == "]":
                name, after = part.text[1:-1], index + 2
            else:
                continue
            if self.text(after) in _ASSIGNS or self.text(after) in _STEPS:
                found.add(name)
        return frozenset(found)

    @cached_property
    def literal_keys(self) -> frozenset[str]:
        """The names of all properties in the program's own object literals."""
        return frozenset(
            part.text
            for index, part in enumerate(self._parts)
            if part.kind == "word"
            and self.text(index - 1) in ("{", ",")
            and self.text(index + 1) in (":", ",", "}", "(")
        )

    @cached_property
    def grown(self) -> frozenset[str]:
        """The variables that get properties whose names are not written out: `x[key] = …`, `Object.assign(x, …)`."""
        found = set[str]()
        for index, part in enumerate(self._parts):
            if part.text == "[" and part.pair > index + 1 and self.text(part.pair + 1) in _ASSIGNS:
                found.add(self.root(index - 1) or "")
            elif part.text == "assign" and self.text(index - 2) == "Object" and self.text(index + 1) == "(":
                found.add(self.text(index + 2))
        return frozenset(found)

    @cached_property
    def annotated(self) -> frozenset[str]:
        """The variables that are declared with a type."""
        return frozenset(
            self.text(index + 1)
            for index, part in enumerate(self._parts)
            if part.text in _DECLARES and self.text(index + 2) == ":"
        )

    # --- how ---

    def _offset(self, line: int, column: int) -> int:
        start = self._line_starts[min(line, len(self._line_starts)) - 1]
        units = self._text[start : start + column].encode("utf-16-le")[: 2 * (column - 1)]
        return start + len(units.decode("utf-16-le", "ignore"))

    def _kind(self, index: int) -> str:
        return self._tokens.kind_at(index)

    def _value(self, index: int) -> int:
        return index + 2 if self._kind(index) in ("word", "string") and self.text(index + 1) == ":" else index

    def _pair(self, index: int) -> int:
        return self._parts[index].pair if 0 <= index < len(self._parts) else -1

    def _is_world(self, name: str) -> bool:
        return name in WORLD and name not in self.functions

    def _ends_operand(self, index: int) -> bool:
        """Whether a `(` or `[` after this token calls or indexes, rather than groups or lists."""
        part = self._parts[index]
        return part.kind in ("word", "string", "template") or part.text in (")", "]", "!", "?.")

    def _after_chain(self, index: int) -> int:
        """The token after the chain that starts at this one."""
        index += 1
        while index < len(self._parts):
            part = self._parts[index]
            if part.text in (".", "?."):
                index += 2
            elif part.text == "[" and part.pair > index:
                index = part.pair + 1
            elif part.text == "!":
                index += 1
            else:
                break
        return index

    def _called_name(self, index: int) -> int | None:
        """The last name of what is called at this token, or around it."""
        if self._kind(index) == "word" and self.text(index + 1) == "(" and self._is_call(index + 1):
            return index
        for opener in self._around(index):
            if self._is_block(opener):
                return None
            if self.text(opener) == "(" and self._is_call(opener):
                return self._name_before(opener)
        return None

    def _around(self, index: int) -> Iterator[int]:
        """The opening brackets around a token, the innermost first."""
        index -= 1
        looked = 0
        while index >= 0 and looked < _FAR:
            looked += 1
            part = self._parts[index]
            if 0 <= part.pair < index:
                index = part.pair
            elif part.pair > index:
                yield index
            index -= 1

    def _is_block(self, opener: int) -> bool:
        """Whether this bracket holds statements."""
        if self.text(opener) != "{":
            return False
        before = self.text(opener - 1)
        return opener == 0 or before in (")", ";", "{", "}", "=>", "else", "do", "try", "finally")

    def _is_call(self, paren: int) -> bool:
        """Whether this parenthesis holds arguments, not a group, a condition or parameters."""
        if paren == 0 or not self._ends_operand(paren - 1) or self._tokens.is_control(paren):
            return False
        after = self.text(self._parts[paren].pair + 1)
        return after != "=>" and not (after == "{" and self._tokens.is_function_body(self._parts[paren].pair + 1))

    def _name_before(self, paren: int) -> int:
        before = paren - 1
        while before > 0 and self.text(before) in ("?.", "!"):
            before -= 1
        return before

    def _note_function(self, found: dict[str, bool], name: str, start: int) -> None:
        units = [unit for unit, _ in zip(level(self._tokens, start, len(self._parts)), range(_FAR), strict=False)]
        function = read_function(self._tokens, units, 0)
        if function is None or function.parameters is None:
            return
        opener: Token = self._parts[function.parameters]
        inside = level(self._tokens, function.parameters + 1, opener.pair)
        found[name] = any(self.text(unit) == ":" for unit in inside)

    def _imported(self) -> Iterator[str]:
        """The local names of what is imported. Anything between `import` and `from` that is not renamed."""
        for index, part in enumerate(self._parts):
            if part.text != "import" or part.depth:
                continue
            for at in range(index + 1, min(index + _FAR, len(self._parts))):
                if self._kind(at) == "string" or self.text(at) == "(":
                    break
                if self._kind(at) == "word" and self.text(at + 1) != "as":
                    yield self.text(at)

    def _aliases(self, index: int, known: set[str]) -> set[str]:
        """What a declaration binds if its value is a tool, a server or all tools, without a call: `{ git } = tools`."""
        value = (self._pair(index) if self.text(index) == "{" else index) + 2
        if self.text(value - 1) != "=":
            return set()
        awaited = self.text(value) == "await"
        imported = awaited and self.text(value + 1) == "import"
        after = self._after_chain(value) if not imported else self._pair(value + 2) + 1
        if not imported and (self.text(value) not in known or self.text(after) == "("):
            return set()
        if self.text(index) != "{":
            return {self.text(index)}
        inside = range(index + 1, self._pair(index))
        return {self.text(at) for at in inside if self._kind(at) == "word" and self.text(at + 1) != ":"}
