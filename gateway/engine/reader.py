"""Reads a program's top level: finds its form, and collects what is to be overwritten in it and said about it. Pure."""

from __future__ import annotations

import re
from itertools import islice

from gateway.engine.forms import Form, Function, level, read_expression, read_function, required_parameter, returns
from gateway.engine.imports import DYNAMIC, Import, ImportRefused, find_dynamic, is_keyword, read_static
from gateway.engine.lexer import lex

MAX_FINDINGS = 20
_LONGEST_HEAD = 30
"""Units before the opening brace of a declared class or namespace."""

_VISIBLE = re.compile(r"[^\n\r\u2028\u2029]")
_CLASSES = frozenset({"class", "abstract", "interface", "enum"})
_TYPES = frozenset({"interface", "type"})
_BRACED = frozenset({"class", "abstract", "enum", "namespace", "module", "global"})
_BRACELESS = frozenset({"const", "let", "var", "function", "async"})
_TYPE_GOES_ON = frozenset({"|", "&", ":", "=", "=>", "<", ">", ",", ".", "extends", "keyof", "typeof"})

_NO_RESULT = "The program returns nothing, so its result is null. Add a `return` for what you want to see."
_NO_NAMESPACE = "A namespace cannot stand in a program: use an object."
_ONE_EXPORT = "A program exports its default function and nothing else: `export default async () => { … }`."
_TWO_DEFAULTS = "There are two default exports: a program has one."
_NOT_RUNNABLE = "What a program exports as default is a function or a value: `export default async () => { … }`."
_NO_ARGUMENT = "The program is called without arguments, so this one has no value: use the global `tools` instead."


class Reader:
    """Reads one program, once. `prelude` and `trailer` go around the author's text."""

    def __init__(self, text: str) -> None:
        self.prelude = "export default (async function () {"
        self.trailer = "});"
        self.problems: list[tuple[int, str]] = []
        self.warnings: list[tuple[int, str]] = []
        self._tokens = lex(text)
        self._text = text
        self._units: list[int] = []
        self._imports: list[Import] = []
        self._overwrites: list[tuple[int, int, str]] = []
        self._default: str | None = None

    def read(self) -> Form:
        """Find the form. A text whose brackets do not match has none; it could end the function that it is put into."""
        tokens = self._tokens
        if tokens.fault is not None:
            self._problem(*tokens.fault)
            return Form.BODY
        index = 0
        while index < len(tokens.all):
            index = self._read_top(index)
        self._read_dynamic_imports()
        return self._read_module() or self._read_expression() or self._read_body()

    def import_statements(self) -> tuple[str, tuple[tuple[int, int, int], ...]]:
        """The imports as the author wrote them, on one line, and where each word of it stood: `Program.moved`."""
        line, moved = "", list[tuple[int, int, int]]()
        for found in self._imports:
            for part in self._tokens.all[found.first : found.last + 1]:
                moved.append((len(line), part.start, len(part.text)))
                line += f"{part.text} "
            line += "; "
        return line, tuple(moved)

    def import_bindings(self) -> str:
        """What the imports bind, taken from the global `tools`."""
        bindings = ", ".join(binding for found in self._imports for binding in found.bindings)
        return f"const {bindings}; " if bindings else ""

    def overwritten(self) -> str:
        """The author's text with everything overwritten that must go: as long as before, in lines and in columns."""
        pieces, done = list[str](), 0
        for start, end, replacement in sorted(self._overwrites):
            if start >= done:
                pieces += self._text[done:start], replacement
                done = end
        return "".join([*pieces, self._text[done:]])

    # --- statements ---

    def _read_top(self, index: int) -> int:
        """Deal with the token `index`, outside all brackets; returns the index after what was read."""
        tokens = self._tokens
        part, after = tokens.all[index], None
        if part.kind == "word" and is_keyword(tokens, index):
            match part.text:
                case "import":
                    after = self._read_import(index)
                case "export":
                    after = self._read_export(index)
                case "declare":
                    after = self._read_declare(index)
                case "namespace" | "module":
                    self._refuse_namespace(index)
        if after is None:
            self._units.append(index)
            after = max(index, part.pair) + 1
        return after

    def _read_import(self, index: int) -> int | None:
        if self._tokens.text_at(index + 1) in ("(", "."):
            return None
        try:
            found = read_static(self._tokens, index)
        except ImportRefused as refused:
            self._problem(refused.offset, refused.message)
            return index + 1
        self._imports.append(found)
        self._blank(found.first, found.last)
        return found.last + 1

    def _read_dynamic_imports(self) -> None:
        for found in find_dynamic(self._tokens):
            if isinstance(found, ImportRefused):
                self._problem(found.offset, found.message)
            else:
                self._overwrite(found, DYNAMIC)

    def _read_export(self, index: int) -> int:
        tokens = self._tokens
        following = tokens.text_at(index + 1)
        if following == "default":
            return self._read_default(index)
        brace = index + 2 if following == "type" else index + 1
        if tokens.text_at(brace) == "{" and tokens.text_at(tokens.all[brace].pair + 1) != "from":
            return self._read_export_list(index, brace)
        if following in ("*", "=", "as", "import") or tokens.text_at(brace) in ("{", "*"):
            self._problem(tokens.all[index].start, _ONE_EXPORT)
        self._blank(index, index)
        return index + 1

    def _read_export_list(self, index: int, brace: int) -> int:
        """`export { a, main as default };` says nothing but which is the default."""
        close = self._tokens.all[brace].pair
        words = [part.text for part in self._tokens.all[brace:close]]
        if "default" in words[3:]:
            self._set_default(index, words[words.index("default") - 2])
        last = close + (self._tokens.text_at(close + 1) == ";")
        self._blank(index, last)
        return last + 1

    def _read_default(self, index: int) -> int:
        """The default export becomes a declaration: of its own name if it has one, else of `$main`."""
        tokens, start = self._tokens, index + 2
        named = start + (2 if tokens.text_at(start) == "async" else 1)
        declared = tokens.text_at(named - 1) == "function"
        if tokens.text_at(start) in _CLASSES or (declared and tokens.text_at(named) == "*"):
            self._problem(tokens.all[start].start, _NOT_RUNNABLE)
        if declared and tokens.kind_at(named) == "word":
            self._set_default(index, tokens.text_at(named))
            self._blank(index, index + 1)
        else:
            self._set_default(index, "$main")
            self._overwrite(index, "const ")
            self._overwrite(index + 1, "$main =")
        return start

    def _set_default(self, index: int, name: str) -> None:
        tokens = self._tokens
        if self._default is not None:
            self._problem(tokens.all[index].start, _TWO_DEFAULTS)
            return
        self._default = name
        function = read_function(tokens, list(level(tokens, index + 2, len(tokens.all))), 0)
        if function is not None:
            self._note_function(function)

    def _refuse_namespace(self, index: int) -> None:
        if self._tokens.kind_at(index + 1) in ("word", "string") and self._tokens.text_at(index + 2) in ("{", "."):
            self._problem(self._tokens.all[index].start, _NO_NAMESPACE)

    def _read_declare(self, index: int) -> int | None:
        """What is declared exists already, or nowhere: the declaration goes, and the checker knows. Types stay."""
        following, last = self._tokens.text_at(index + 1), None
        if following in _TYPES:
            last = index
        elif following in _BRACED:
            units = islice(level(self._tokens, index, len(self._tokens.all)), _LONGEST_HEAD)
            last = next((self._tokens.all[unit].pair for unit in units if self._opens_body(unit)), None)
        elif following in _BRACELESS:
            last = self._declaration_end(index + 1)
        if last is None:
            return None
        self._blank(index, last)
        return last + 1

    def _opens_body(self, unit: int) -> bool:
        """Whether the body of a declared class or namespace starts here, not an object type before it."""
        return self._tokens.text_at(unit) == "{" and self._tokens.text_at(unit - 1) not in ("<", ",", "|", "&")

    def _declaration_end(self, start: int) -> int:
        """The last token of a declaration without a body: its semicolon, or where a line ends and its type too."""
        tokens, last = self._tokens, start
        for unit in level(tokens, start, len(tokens.all)):
            around = {tokens.text_at(last), tokens.text_at(unit)}
            if unit > start and tokens.breaks_before(unit) and not around & _TYPE_GOES_ON:
                break
            last = max(unit, tokens.all[unit].pair)
            if tokens.text_at(unit) == ";":
                break
        return last

    # --- the form ---

    def _read_module(self) -> Form | None:
        name = self._default
        if name is None:
            return None
        self.trailer = f'return typeof {name} === "function" ? {name}() : {name}; }});'
        return Form.MODULE

    def _read_expression(self) -> Form | None:
        units = list(self._units)
        while units and self._tokens.text_at(units[-1]) == ";":
            units.pop()
        found = read_expression(self._tokens, units)
        if found is None:
            return None
        for unit in self._units[len(units) :]:
            self._blank(unit, unit)
        if not found.called:
            self._note_function(found.function)
        self.prelude += " return ("
        self.trailer = "); });" if found.called else ")(); });"
        return Form.EXPRESSION

    def _read_body(self) -> Form:
        if not returns(self._tokens, 0, len(self._tokens.all)):
            starts = (self._tokens.all[unit].start for unit in self._units if self._tokens.breaks_before(unit))
            first = self._tokens.all[self._units[0]].start if self._units else 0
            self.warnings.append((max(starts, default=first), _NO_RESULT))
        return Form.BODY

    def _note_function(self, function: Function) -> None:
        """Say what is wrong with the function that is the program."""
        parts, body = self._tokens.all, function.body
        required = required_parameter(self._tokens, function)
        if required is not None:
            self._problem(parts[required].start, _NO_ARGUMENT)
        if body is not None and not returns(self._tokens, body + 1, parts[body].pair):
            self.warnings.append((parts[body].start, _NO_RESULT))

    def _problem(self, offset: int, message: str) -> None:
        if len(self.problems) < MAX_FINDINGS:
            self.problems.append((offset, message))

    def _overwrite(self, index: int, replacement: str) -> None:
        part = self._tokens.all[index]
        self._overwrites.append((part.start, part.end, replacement))

    def _blank(self, first: int, last: int) -> None:
        """Spaces for the tokens `first` to `last` and what lies between them; two where UTF-16 needs two units."""
        start, end = self._tokens.all[first].start, self._tokens.all[last].end
        blank = _VISIBLE.sub(lambda match: " " * (1 + (match.group() > "\uffff")), self._text[start:end])
        self._overwrites.append((start, end, blank))
