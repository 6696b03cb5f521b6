"""Splits JavaScript/TypeScript text into tokens and pairs its brackets: just what is needed to find a program's form.

A parser with backtracking is the wrong tool here, since the text comes from an attacker and is read inside the gateway:
tree-sitter's TypeScript grammar takes 660 MB for 20 KB of `f<a,f<a,…`. This one reads each character once. It tells a
regular expression from a division by the token before it, the way es-module-lexer does; what it cannot tell apart is
wrong in the same way as an unreadable line is, and the type checker has the last word on syntax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_DEPTH = 200
"""Brackets inside brackets. Far above what anybody writes, far below what makes a compiler's recursion expensive."""

MAX_TOKENS = 100_000
"""Words and signs: some 350,000 characters of ordinary code, half a second's work for this reader."""
_TOO_DEEP = f"More than {MAX_DEPTH} brackets are open here. Split the program into functions and statements."
_TOO_LONG = f"The program has more than {MAX_TOKENS:,} words and signs. Keep data out of its text."

LINE_BREAK = re.compile(r"\r\n|[\n\r]")

_TOKEN = re.compile(
    r"""(?:[\s\ufeff]+|//[^\n\r\u2028\u2029]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?)*+
    (?: (?P<number>\.?\d(?:[eE][-+]|[\w.])*+)
      | (?P<word>[\#@]?(?:[\w$]|[^\x00-\x7f\s]|\\u\{?[0-9a-fA-F]+\}?)++)
      | (?P<bracket>[][(){}])
      | (?P<string>"(?:[^"\\\n\r]|\\(?:\r\n|[\s\S]))*+"? | '(?:[^'\\\n\r]|\\(?:\r\n|[\s\S]))*+'?)
      | (?P<slash>/)
      | (?P<template>`)
      | (?P<punct>=>|\.\.\.|\?\.(?!\d)|\+\+|--|[=!]==?|<=|>=|(?:\*\*|<<|>>>?|&&|\|\||\?\?|[-+*%&|^])=
                 |&&|\|\||\?\?|[\s\S])
    )?
    """,
    re.VERBOSE,
)
_REGEX = re.compile(r"/(?:[^/\\\[\n\r]|\\[^\n\r]|\[(?:[^\]\\\n\r]|\\[^\n\r])*+\]?)++(?:/[\w$]*+)?")
_TEMPLATE = re.compile(r"[`}](?:[^`\\$]|\\[\s\S]|\$(?!\{))*+(?:`|\$\{)?")

_AMBIGUOUS = frozenset({"slash", "template", "bracket"})
_BRACKETED = frozenset({"bracket", "template"})
_BEFORE_OPERAND = frozenset(
    {
        "return",
        "typeof",
        "case",
        "in",
        "instanceof",
        "new",
        "void",
        "delete",
        "throw",
        "yield",
        "await",
        "of",
        "default",
    }
)
_BEFORE_REGEX = _BEFORE_OPERAND | {"do", "else", "extends"}
_CONTROL = frozenset({"if", "while", "for", "with", "switch", "catch"})


@dataclass(slots=True)
class Token:
    """`kind` is word, number, string, regex, template, bracket or punct; `pair` is the index of the bracket on the
    other side (-1: none); `depth` counts the brackets around it. A template is one token, or with substitutions one
    for each piece between them."""

    kind: str
    text: str
    start: int
    end: int
    depth: int
    pair: int = -1


@dataclass(slots=True)
class Tokens:
    """All tokens in order. `fault` says where and why there are no more: brackets that do not match, or too much."""

    text: str
    all: list[Token] = field(default_factory=list)
    fault: tuple[int, str] | None = None

    def text_at(self, index: int) -> str:
        """The text of token `index`, empty where there is none."""
        return self.all[index].text if 0 <= index < len(self.all) else ""

    def kind_at(self, index: int) -> str:
        """The kind of token `index`, empty where there is none."""
        return self.all[index].kind if 0 <= index < len(self.all) else ""

    def breaks_before(self, index: int) -> bool:
        """Whether a line break lies between token `index` and the one before it."""
        start = self.all[index - 1].end if index else 0
        return LINE_BREAK.search(self.text, start, self.all[index].start) is not None

    def is_function_body(self, brace: int) -> bool:
        """Whether the `{` at this index opens the body of a function whose return type is not written."""
        before = self.all[brace - 1] if brace else None
        if before is None or self.all[brace].text != "{":
            return False
        if before.text == "=>":
            return True
        return before.text == ")" and before.pair >= 0 and not self.is_control(before.pair)

    def is_control(self, paren: int) -> bool:
        """Whether the `(` at this index follows `if`, `while`, `for`, `for await`, …"""
        head = paren - 1
        if self.text_at(head) == "await" and self.text_at(head - 1) == "for":
            head -= 1
        return self.text_at(head) in _CONTROL and self.text_at(head - 1) not in (".", "?.")


def lex(text: str) -> Tokens:
    """Tokens of `text`, in time and memory linear to its length. Never raises: what is wrong is in `fault`."""
    found = Tokens(text)
    tokens, open_brackets = found.all, list[int]()
    match = _TOKEN.match(text)
    while match is not None and (kind := match.lastgroup) is not None:
        start, end = match.span(kind)
        if kind in _AMBIGUOUS:
            kind, end = _resolve(kind, start, found, open_brackets)
        token = Token(kind, text[start:end], start, end, len(open_brackets))
        tokens.append(token)
        if kind in _BRACKETED and not _pair(tokens, open_brackets):
            found.fault = start, f"This '{token.text[0]}' closes nothing."
        elif len(open_brackets) > MAX_DEPTH:
            found.fault = start, _TOO_DEEP
        elif len(tokens) > MAX_TOKENS:
            found.fault = start, _TOO_LONG
        if found.fault is not None:
            return found
        match = _TOKEN.match(text, end)
    if open_brackets:
        bracket = tokens[open_brackets[-1]]
        found.fault = bracket.start, f"This '{bracket.text[0]}' is never closed."
    return found


def _resolve(kind: str, start: int, found: Tokens, open_brackets: list[int]) -> tuple[str, int]:
    """The kind and the end of a token that its first character does not tell."""
    text, tokens = found.text, found.all
    pattern: re.Pattern[str] | None = None
    if kind == "slash":
        kind, pattern = ("regex", _REGEX) if _regex_may_start(found) else ("punct", None)
    elif kind == "template" or (text[start] == "}" and open_brackets and tokens[open_brackets[-1]].kind == "template"):
        kind, pattern = "template", _TEMPLATE
    match = pattern.match(text, start) if pattern else None
    return kind, match.end() if match else start + 1


def _pair(tokens: list[Token], open_brackets: list[int]) -> bool:
    """Account for the newest token, a bracket or a piece of a template. False: it closes what is not open."""
    token, index = tokens[-1], len(tokens) - 1
    if token.kind == "template":
        closes, opens = token.text[0] == "}", token.text.endswith("${")
    else:
        closes, opens = token.text in ")]}", token.text in "([{"
    if closes:
        if not open_brackets or not _closes(tokens[open_brackets[-1]], token):
            return False
        opener = open_brackets.pop()
        tokens[opener].pair, token.pair, token.depth = index, opener, len(open_brackets)
    if opens:
        open_brackets.append(index)
    return True


def _closes(opener: Token, closer: Token) -> bool:
    if "template" in (opener.kind, closer.kind):
        return opener.kind == closer.kind
    return opener.text + closer.text in ("()", "[]", "{}")


def _regex_may_start(found: Tokens) -> bool:
    """A slash starts a regular expression where an operand is expected, else it divides."""
    if not found.all:
        return True
    last = found.all[-1]
    if last.kind == "word":
        return last.text in _BEFORE_REGEX and found.text_at(len(found.all) - 2) not in (".", "?.")
    if last.kind == "template":
        return last.text.endswith("${")
    if last.kind not in ("punct", "bracket") or last.text in ("]", "++", "--"):
        return False
    if last.text == ")":
        return last.pair >= 0 and found.is_control(last.pair)
    if last.text == "}":
        return last.pair >= 0 and not _is_operand(found.all, last.pair)
    return True


def _is_operand(tokens: list[Token], brace: int) -> bool:
    """Whether the `{` at this index starts an object literal rather than a block."""
    if brace == 0:
        return False
    before = tokens[brace - 1]
    if before.kind == "word":
        return before.text in _BEFORE_OPERAND
    return before.kind in ("punct", "bracket") and before.text not in (")", ";", "{", "}", "=>")
