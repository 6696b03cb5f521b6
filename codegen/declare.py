"""One tool's declaration: its comment, its function and the named types it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen import text
from codegen.ir import ANY, Doc, Node
from codegen.observed import Observed
from codegen.sharing import NamedTypes
from codegen.tooltypes import ToolTypes
from codegen.typescript import Printer, after, comment_lines, enclosed

_OPTIONS = "options?: CallOptions"


@dataclass(frozen=True, slots=True)
class Function:
    """One tool as a function of its namespace. `result` is what it returns, declared or `learnt`."""

    name: str
    types: ToolTypes
    result: Node
    learnt: Observed | None
    notes: tuple[str, ...]

    @property
    def roots(self) -> Sequence[Node]:
        return self.types.args, self.result


def function_of(name: str, types: ToolTypes, observed: Observed | None, notes: tuple[str, ...]) -> Function:
    if types.result is not None:
        return Function(name, types, types.result, None, notes)
    result = ANY if observed is None else observed.node()
    return Function(name, types, result, observed, notes)


@dataclass(frozen=True, slots=True)
class Writer:
    """How declarations are written: with which named types, in which namespace, and in which detail. `compiled`: with
    what compilers need and readers do not, such as the parameter that all functions have alike."""

    types: NamedTypes
    namespace: str
    brief: bool = False
    compiled: bool = False

    def declaration(self, function: Function, words: str) -> str:
        """The comment, which says `words`, and the function as a member of its namespace's object."""
        printer = Printer(self.types.names, self.brief, f"{self.namespace}.", self.compiled)
        types, result = function.types, printer.type(function.result)
        tags = [*types.tags, *filter(None, map(text.tag, function.notes))]
        if function.learnt is not None:
            tags += [] if self.brief else [f"observed in {function.learnt.calls} calls"]
            result = result if result == "any" else enclosed("Observed<", result, ">", 0)
        call = f"{function.name}({self._parameters(types.args_optional, printer.type(types.args))}): "
        comment = comment_lines(Doc(words, (), tuple(tags)))
        return "\n".join([*comment, call + enclosed("Promise<", result, ">", 0) + ";"])

    def _parameters(self, optional: bool, args: str) -> str:
        first, own_lines = after("args?:" if optional else "args:", args), args.startswith("\n")
        if not self.compiled:
            return first + "\n" * own_lines
        return f"{first},\n  {_OPTIONS},\n" if own_lines else f"{first}, {_OPTIONS}"

    def alone(self, function: Function, words: str) -> str:
        """The declaration with the named types it needs, to be read by itself."""
        declaration = self.declaration(function, words)
        if not self.types.names:
            return declaration
        types = "\n".join(self.named_types()).replace("\n", "\n  ")
        return f"namespace {self.namespace} {{\n  {types}\n}}\n{declaration}"

    def named_types(self) -> list[str]:
        """The declarations of all named types, as they stand inside the namespace."""
        printer, known = Printer(self.types.names, self.brief, compiled=self.compiled), self.types
        ordered = sorted(known.names, key=lambda digest: known.names[digest])
        return [after(f"type {known.names[digest]} =", printer.body(known.bodies[digest])) + ";" for digest in ordered]
