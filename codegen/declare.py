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
    """How declarations are written: with which named types, in which namespace, and in which detail."""

    types: NamedTypes
    namespace: str
    brief: bool = False

    def declaration(self, function: Function, words: str) -> str:
        """The comment, which says `words`, and the function as a member of its namespace's object."""
        printer = Printer(self.types.names, self.brief, f"{self.namespace}.")
        types, result = function.types, printer.type(function.result)
        tags = [*types.tags, *filter(None, map(text.tag, function.notes))]
        if function.learnt is not None:
            tags += [] if self.brief else [f"observed in {function.learnt.calls} calls"]
            result = result if result == "any" else enclosed("Observed<", result, ">", 0)
        args = printer.type(types.args)
        label = "args?:" if types.args_optional else "args:"
        call = enclosed(f"{function.name}({label} ", args, "): ", 0)
        comment = comment_lines(Doc(words, (), tuple(tags)))
        return "\n".join([*comment, call + enclosed("Promise<", result, ">", 0) + ";"])

    def alone(self, function: Function, words: str) -> str:
        """The declaration with the named types it needs, to be read by itself."""
        declaration = self.declaration(function, words)
        if not self.types.names:
            return declaration
        types = "\n".join(self.named_types()).replace("\n", "\n  ")
        return f"namespace {self.namespace} {{\n  {types}\n}}\n{declaration}"

    def named_types(self) -> list[str]:
        """The declarations of all named types, as they stand inside the namespace."""
        printer, known = Printer(self.types.names, self.brief), self.types
        ordered = sorted(known.names, key=lambda digest: known.names[digest])
        return [after(f"type {known.names[digest]} =", printer.body(known.bodies[digest])) + ";" for digest in ordered]
