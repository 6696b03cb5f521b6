"""What a request or a tool does, as one of five kinds, from its verbs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from gateway.engine.words import stem, stems

Intent = Literal["read", "create", "update", "delete", "send"]

_VERBS: dict[Intent, str] = {
    "read": """list get fetch show read view retrieve browse display see lookup find search query describe check inspect
        count compare export download watch explain summarize summary analyze tell status info detail observe diagnose
        troubleshoot estimate calculate monitor scan""",
    "delete": """delete remove erase drop destroy discard purge clear wipe trash unlink revoke forget detach unassign
        uninstall empty throw bin clean""",
    "create": """create add new insert make register build generate append write upload put draw draft compose attach
        invite import open schedule book buy place order plot duplicate copy fork clone start""",
    "update": """update edit change modify set patch rename replace move mark assign enable disable approve reject close
        reopen resolve merge publish lock unlock protect convert resize complete finish stop cancel pause resume
        restart""",
    "send": "send post reply forward notify share text call ring",
}
_INTENT: dict[str, Intent] = {stem(verb): intent for intent, verbs in _VERBS.items() for verb in verbs.split()}
_QUESTION = frozenset(stems("what which who whose where when why how is are did does do was were has have give i need"))
"""First words of a request to be told something."""
_NOUN = frozenset(
    stems("list call text order post draft copy set share open close book mark export import view read plot check")
)


def is_verb(word: str) -> bool:
    """Whether the stem is one of the verbs known here."""
    return word in _INTENT


def of_request(words: Sequence[str]) -> Intent | None:
    """A question reads; otherwise the first verb decides, where a word that is as often a noun counts only in front."""
    if words and words[0] in _QUESTION:
        return "read"
    return of_words(word for position, word in enumerate(words) if position == 0 or word not in _NOUN)


def of_words(words: Iterable[str]) -> Intent | None:
    """The kind of the first verb among the stems."""
    return next((_INTENT[word] for word in words if word in _INTENT), None)
