"""Finds the function in a program's text: which of the three forms it has, its parameters, whether it returns. Pure.

Works on `units`: indices of the tokens on one level, a bracketed group being represented by its opening bracket.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from gateway.engine.lexer import Tokens

_TYPE_OPERATORS = frozenset({":", "|", "&", "<", ",", "=>", "extends", "keyof", "is"})
_OPERATOR_WORDS = frozenset({"in", "instanceof", "as", "satisfies", "of"})
_OPERAND_ENDS = frozenset({")", "]", "}"})


class Form(StrEnum):
    BODY = "body"
    EXPRESSION = "expression"
    MODULE = "module"


@dataclass(frozen=True, slots=True)
class Function:
    """A function in the text: the unit after it, and the tokens that open its parameters and its body. Without
    parentheses `parameters` is the one name; `body` is None where an arrow leads to an expression."""

    end: int
    parameters: int | None
    body: int | None


@dataclass(frozen=True, slots=True)
class Expression:
    """A program that is one expression: `function` is what is to be called, unless the text calls it itself."""

    function: Function
    called: bool


def level(tokens: Tokens, start: int, stop: int) -> Iterator[int]:
    """The units among the tokens [start, stop)."""
    index = start
    while index < stop:
        yield index
        index = max(index, tokens.all[index].pair) + 1


def read_expression(tokens: Tokens, units: Sequence[int]) -> Expression | None:
    """The program as one function, or as the call of a function in parentheses. None: it is something else."""
    called = bool(units) and tokens.all[units[0]].text == "await"
    inner = units[1:] if called else units
    function = read_function(tokens, inner, 0)
    while function is None and inner and tokens.all[inner[0]].text == "(":
        if not _is_call_chain(tokens, inner[1:]):
            return None
        called = called or len(inner) > 1
        inner = list(level(tokens, inner[0] + 1, tokens.all[inner[0]].pair))
        function = read_function(tokens, inner, 0)
    if function is None or function.end != len(inner):
        return None
    return Expression(function, called)


def read_function(tokens: Tokens, units: Sequence[int], at: int) -> Function | None:
    """The function or arrow function that starts at unit `at`. None: none does, or it is a generator."""
    if _text(tokens, units, at) == "async" and _text(tokens, units, at + 1) not in ("=>", ""):
        at += 1
    if _text(tokens, units, at) == "function":
        return _read_keyword_function(tokens, units, at + 1)
    at = _skip_type_parameters(tokens, units, at)
    opener = _text(tokens, units, at)
    if opener != "(" and (at >= len(units) or tokens.all[units[at]].kind != "word"):
        return None
    parameters, at = units[at], at + 1
    if opener == "(" and _text(tokens, units, at) == ":":
        while at < len(units) and _text(tokens, units, at) not in ("=>", ";"):
            at += 1
    if _text(tokens, units, at) != "=>" or at + 1 >= len(units):
        return None
    if _text(tokens, units, at + 1) == "{":
        return Function(at + 2, parameters, units[at + 1])
    whole = not _has_statement_end(tokens, units[at + 1 :])
    return Function(len(units), parameters, None) if whole else None


def _read_keyword_function(tokens: Tokens, units: Sequence[int], at: int) -> Function | None:
    if _text(tokens, units, at) == "*":
        return None
    while at < len(units) and _text(tokens, units, at) != "(":
        at += 1
    parameters, at = at, at + 1
    while at < len(units):
        if _text(tokens, units, at) == "{" and _text(tokens, units, at - 1) not in _TYPE_OPERATORS:
            return Function(at + 1, units[parameters], units[at])
        at += 1
    return None


def required_parameter(tokens: Tokens, function: Function) -> int | None:
    """The token of the first parameter that has no value when the function is called without arguments."""
    if function.parameters is None:
        return None
    opener = tokens.all[function.parameters]
    if opener.text != "(":
        return function.parameters
    start = function.parameters + 1
    units = [*level(tokens, start, opener.pair), opener.pair]
    first = angles = 0
    for at, unit in enumerate(units):
        text = tokens.all[unit].text
        angles += (text == "<") - (text == ">")
        if unit != opener.pair and (text != "," or angles > 0):
            continue
        texts = [tokens.all[index].text for index in units[first:at]]
        if texts and texts[0] not in ("...", "this") and "=" not in texts and texts[1:2] != ["?"]:
            return units[first]
        first = at + 1
    return None


def returns(tokens: Tokens, start: int, stop: int) -> bool:
    """Whether a `return` among the tokens [start, stop) is not inside a further function."""
    index = start
    while index < stop:
        token = tokens.all[index]
        if token.text == "return" and token.kind == "word" and tokens.all[index - 1].text != ".":
            return True
        index = token.pair + 1 if tokens.is_function_body(index) and token.pair > index else index + 1
    return False


def _is_call_chain(tokens: Tokens, units: Sequence[int]) -> bool:
    """Whether these units only go on with an expression: `(…)`, `.catch(…)`, `[0]`."""
    links = [tokens.all[unit] for unit in units]
    dotted = ("", *(link.text for link in links))
    return all(
        link.text in ("(", "[", ".", "?.", "!") or (link.kind == "word" and dotted[at] in (".", "?."))
        for at, link in enumerate(links)
    )


def _has_statement_end(tokens: Tokens, units: Sequence[int]) -> bool:
    """Whether a semicolon, or a line break between two operands, ends a statement among these units."""
    if any(tokens.all[unit].text == ";" for unit in units):
        return True
    for unit, following in pairwise(units):
        opener, after = tokens.all[unit], tokens.all[following]
        before = tokens.all[opener.pair] if opener.pair > unit else opener
        operand = before.kind not in ("punct", "bracket") or before.text in _OPERAND_ENDS
        starts = after.kind not in ("punct", "bracket") and after.text not in _OPERATOR_WORDS
        if operand and starts and before.text not in _OPERATOR_WORDS and tokens.breaks_before(following):
            return True
    return False


def _skip_type_parameters(tokens: Tokens, units: Sequence[int], at: int) -> int:
    if _text(tokens, units, at) != "<":
        return at
    while at < len(units) and _text(tokens, units, at) != "(":
        at += 1
    return at


def _text(tokens: Tokens, units: Sequence[int], at: int) -> str:
    return tokens.text_at(units[at]) if 0 <= at < len(units) else ""
