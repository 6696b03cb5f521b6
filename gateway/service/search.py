"""Finding tools: what fits a request, and what there is at all, as text for a model, within a budget of tokens.

Only what the caller may see has any influence: ranking, counts, near names and inventory are made from it alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from codegen import Module, ToolDecl, generate
from gateway.engine.documents import Document, Key, document
from gateway.engine.ranking import Index
from gateway.engine.text import one_line
from gateway.errors import UsageError
from gateway.model import Catalog, ServerTools
from gateway.service.pages import cut, listed, tokens

Detail = Literal["names", "signatures", "full"]

_DEFAULT_LIMIT, _MOST = 10, 200
_LONGEST_QUERY = 2_000
_FITS = 0.4
"""Share of the best score from which on a tool counts as fitting."""
_NAME, _PURPOSES = 60, (90, 40)
"""Characters of a server's name, and of what it says it is for: more when there is room."""
_CHARS_PER_TOKEN = 3
_FOOTER = 150
"""Tokens kept back for saying what was left out."""
_LISTED = 0.7
"""Share of the budget for declarations when a whole server is shown; the rest is for the names of the others."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """`text` is for the model: `shown` tools of the `total` that fit."""

    text: str
    shown: int
    total: int


@dataclass(frozen=True, slots=True)
class _Offer:
    """A server with those of its tools that the caller may see."""

    server: ServerTools
    tools: Sequence[ToolDecl]

    @property
    def counted(self) -> str:
        return f"{one_line(self.server.name, _NAME)} ({len(self.tools)})"

    def said(self, most: int) -> str:
        """What the server says it is for, in `most` characters, quoted; empty when it says nothing."""
        for words in (self.server.title, self.server.instructions):
            said = one_line(words, most)
            if said and said.casefold() != self.server.name.casefold():
                return f': "{said}"'
        return ""

    def line(self, most: int) -> str:
        """The server with what it is for; if it does not say, with what its first tools are called."""
        said = self.said(most) or f": {listed(_names(self.tools), most // _CHARS_PER_TOKEN)}"
        return f"- {self.counted}{said}"


class Search:
    """Answers from the catalog published last."""

    def __init__(self) -> None:
        self._catalog = Catalog(0, {})
        self._module = generate([])
        self._index = Index([])
        self._documents: dict[Key, tuple[tuple[str, str, str], Document]] = {}

    def publish(self, catalog: Catalog, module: Module) -> None:
        """Takes over a new catalog with the module of all its tools. Only tools that changed are read again. Another
        thread may search meanwhile: it finds the catalog before."""
        known, documents = self._documents, dict[Key, tuple[tuple[str, str, str], Document]]()
        for server in catalog.servers.values():
            for tool in server.tools:
                key, said = (server.name, tool.name), (tool.pin, server.title, server.instructions)
                kept = known.get(key)
                documents[key] = kept if kept and kept[0] == said else (said, document(server, tool))
        index = self._index if documents == known else Index(made for _, made in documents.values())
        self._documents, self._index, self._catalog, self._module = documents, index, catalog, module

    def search(
        self,
        *,
        visible: Container[Key],
        query: str | None = None,
        server: str | None = None,
        detail: str = "signatures",
        limit: int | None = None,
        budget_tokens: int = 2_000,
        module: Module | None = None,
    ) -> SearchResult:
        """The declarations of the tools that fit `query`, best first and grouped by server; without a query, what there
        is. `visible`: the (server, tool) pairs that the caller may call. `server`: its name or namespace. `module`: the
        caller's own declarations, if they may differ from those published.

        Raises UsageError for an unknown server or detail, or a limit below 1.
        """
        _check(detail, limit)
        decls = (module or self._module).tools
        only = _named(server, self._offers(visible, decls)) if server else None
        if query and query.strip():
            ranked = self._index.rank(
                query[:_LONGEST_QUERY], allowed=visible, server=only.server.name if only else None, limit=_MOST
            )
            fitting = [decls[key] for key, score in ranked if key in decls and score >= _FITS * ranked[0][1]]
            if fitting:
                return _found(fitting, detail, min(limit or _DEFAULT_LIMIT, _MOST), budget_tokens)
            return _nothing(query, [only] if only else self._offers(visible, decls), budget_tokens)
        if only:
            return _whole(only, detail, budget_tokens)
        return _everything(self._offers(visible, decls), budget_tokens)

    def inventory(self, visible: Container[Key], budget_tokens: int) -> str:
        """What is behind the gateway in a few lines, for the instructions that a client reads at the start."""
        return _brief(self._offers(visible, self._module.tools), budget_tokens)

    def _offers(self, visible: Container[Key], decls: Mapping[Key, ToolDecl]) -> list[_Offer]:
        offers = []
        for name, server in self._catalog.servers.items():
            keys = ((name, tool.name) for tool in server.tools)
            if tools := [decls[key] for key in keys if key in visible and key in decls]:
                offers.append(_Offer(server, tools))
        return offers


def _check(detail: str, limit: int | None) -> None:
    if detail not in get_args(Detail):
        raise UsageError(f"detail {one_line(detail, 40)!r} is unknown.", fix=f"Use {', '.join(get_args(Detail))}.")
    if limit is not None and limit < 1:
        raise UsageError(f"limit is {limit}.", fix=f"Use 1 to {_MOST}, or leave it out.")


def _named(server: str, offers: Sequence[_Offer]) -> _Offer:
    names = {offer.tools[0].namespace: offer for offer in offers} | {offer.server.name: offer for offer in offers}
    if server in names:
        return names[server]
    near = difflib.get_close_matches(server[:_NAME], names, n=3)
    known = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise UsageError(
        f"There is no server {one_line(server, _NAME)!r} here.",
        fix=f"{known}Search without query and server shows all there are.",
    )


class _Groups:
    """Declarations grouped by server, servers in the order of their best tool, while the budget lasts."""

    def __init__(self, detail: str, budget: int) -> None:
        self._detail, self._left = detail, budget
        self._texts: dict[str, list[str]] = {}
        self.shown: set[Key] = set()
        self.shortened = False

    def add(self, decl: ToolDecl) -> None:
        """Shows the tool, shortened if need be; not at all when there is no room even for its name."""
        heading = [_heading(decl)] if self._detail != "names" and decl.server not in self._texts else []
        forms = ["\n".join([*heading, form]) for form in _forms(decl, self._detail)]
        if not self.shown:
            forms.insert(-1, cut(forms[0], self._left))
        form = next((form for form in forms if tokens(form) <= self._left), None)
        if form is None:
            return
        self._left -= tokens(form)
        self._texts.setdefault(decl.server, []).append(form)
        self.shown.add((decl.server, decl.tool))
        self.shortened |= form != forms[0]

    def __str__(self) -> str:
        return "\n".join(text for texts in self._texts.values() for text in texts)


def _heading(decl: ToolDecl) -> str:
    return f'// {decl.namespace}.* (server "{one_line(decl.server, _NAME)}")'


def _forms(decl: ToolDecl, detail: str) -> list[str]:
    """What is shown of a tool, from what is asked for down to what takes least room."""
    forms = [decl.full, decl.signature, f"// {decl.name_line}"]
    return [decl.name_line] if detail == "names" else forms[0 if detail == "full" else 1 :]


def _names(decls: Iterable[ToolDecl]) -> list[str]:
    return [decl.function for decl in decls]


def _found(fitting: Sequence[ToolDecl], detail: str, limit: int, budget: int) -> SearchResult:
    groups = _Groups(detail, budget - _FOOTER)
    for decl in fitting[:limit]:
        groups.add(decl)
    lines = [str(groups)]
    if groups.shortened:
        lines.append("// Some are shortened for want of room: limit 1 shows the first in full.")
    if rest := [decl for decl in fitting if (decl.server, decl.tool) not in groups.shown]:
        more = f'// {len(rest)} more fit (limit {limit}); narrow with server, or see more with detail: "names": '
        lines.append(more + listed([f"{decl.namespace}.{decl.function}" for decl in rest], _FOOTER // 2))
    return SearchResult("\n".join(lines), len(groups.shown), len(fitting))


def _whole(offer: _Offer, detail: str, budget: int) -> SearchResult:
    """One server: declarations for most of the budget, then the names of the other tools."""
    groups = _Groups(detail, int(budget * _LISTED))
    for decl in offer.tools:
        groups.add(decl)
    text = f"{offer.line(_PURPOSES[0])}\n{groups}"
    if rest := [decl for decl in offer.tools if (decl.server, decl.tool) not in groups.shown]:
        lead = f"// {len(rest)} more, which a query finds: "
        text += f"\n{lead}{listed(_names(rest), budget - tokens(text) - tokens(lead))}"
    return SearchResult(text, len(groups.shown), len(offer.tools))


def _everything(offers: Sequence[_Offer], budget: int) -> SearchResult:
    """All servers, each with the names of its tools, when there is room for some of each."""
    total = sum(len(offer.tools) for offer in offers)
    lines = [_lead(offers), *(f"- {offer.counted}{offer.said(_PURPOSES[0])}" for offer in offers)]
    room = (budget - sum(map(tokens, lines))) // max(len(offers), 1)
    names = [listed(_names(offer.tools), room) for offer in offers]
    if not names or not all(names):
        return SearchResult(_brief(offers, budget), 0, total)
    told = (f"{line}\n  {some}" for line, some in zip(lines[1:], names, strict=True))
    return SearchResult("\n".join([lines[0], *told]), 0, total)


def _brief(offers: Sequence[_Offer], budget: int) -> str:
    """The servers with what they are for; if that is too long, their names; if that is too long, as many as fit."""
    if not offers:
        return "There is no tool that you may call."
    if lines := _purposes(offers, budget):
        return "\n".join(lines)
    lead = _lead(offers)
    return f"{lead} {listed([offer.counted for offer in offers], budget - tokens(lead))}".strip()


def _purposes(offers: Sequence[_Offer], budget: int) -> list[str]:
    """A line for each server, in the longest form for which there is room; none when there is none."""
    forms = ([_lead(offers), *(offer.line(most) for offer in offers)] for most in _PURPOSES if offers)
    return next((lines for lines in forms if sum(map(tokens, lines)) <= budget), [])


def _lead(offers: Sequence[_Offer]) -> str:
    return f"Servers: {len(offers)}. Tools that you may call: {sum(len(offer.tools) for offer in offers)}."


def _nothing(query: str, offers: Sequence[_Offer], budget: int) -> SearchResult:
    said = f'No tool fits "{one_line(query, _PURPOSES[0])}". Other words may do: say what is to be done, with what.'
    return SearchResult(f"{said}\n{_brief(offers, budget - tokens(said))}", 0, 0)
