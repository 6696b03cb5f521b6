"""Whoever can write to the store, but has no signing key, changes nothing unnoticed: the first bad record is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.engine import chain, record
from gateway.engine.chain import DIGEST, GENESIS
from gateway.identity.keys import CHECKPOINTS, KeyRing
from gateway.model import Entry
from gateway.store import keys
from gateway.store.client import Client
from tests.audit.parts import Clock, Replica, done, tool

RECORDS = keys.audit_records("default")
STATE = keys.audit("default")
LIST = keys.audit_checkpoints("default")

Elements = list[bytes]


@pytest.fixture
async def written(replica: Replica, clock: Clock) -> Replica:
    """0 issued, 1 checkpoint, 2..7 three runs, 8 checkpoint, 9..10 a run, 11 issued, 12 checkpoint."""
    await replica.audit.record("token.issued", agent="triage", token_id="tok_1")
    for number in range(4):
        if number == 3:
            clock.pass_by(seconds=1)
            await replica.audit.chain("default").checkpoint(now=True)
        await replica.run(tool(1, "crm:create", {"n": number}), done(1))
        await replica.audit.flush()
    await replica.audit.record("token.issued", agent="triage", token_id="tok_2")
    clock.pass_by(seconds=60)
    await replica.audit.chain("default").checkpoint()
    events = [body["event"] for body in await bodies_of(replica)]
    assert [n for n, event in enumerate(events) if event == "checkpoint"] == [1, 8, 12]
    assert (await replica.verify()) == {"ok": True, "records": 13, "checkpoints": 3, "first_bad": None}
    return replica


async def listed(client: Client, key: str) -> Elements:
    found: Elements = await client.send("LRANGE", key, 0, -1)
    return found


async def replaced(client: Client, key: str, elements: Elements) -> None:
    await client.batch([("DEL", key), *(("RPUSH", key, element) for element in elements)])


def flip(elements: Elements, at: int) -> None:
    changed = bytearray(elements[at])
    changed[DIGEST + 20] ^= 1
    elements[at] = bytes(changed)


def drop(elements: Elements, at: int) -> None:
    del elements[at]


def insert(elements: Elements, at: int) -> None:
    elements.insert(at, elements[at - 1] if at else elements[1])


def reorder(elements: Elements, at: int) -> None:
    other = at + 1 if at + 1 < len(elements) else at - 1
    elements[at], elements[other] = elements[other], elements[at]


def truncate(elements: Elements, at: int) -> None:
    del elements[at:]


KINDS: list[Callable[[Elements, int], None]] = [flip, drop, insert, reorder, truncate]


@pytest.mark.parametrize("place", ["first", "checkpoint", "anchor", "before the last", "last"])
@pytest.mark.parametrize("tamper", KINDS, ids=lambda kind: kind.__name__)
async def test_a_tampered_chain(written: Replica, tamper: Callable[[Elements, int], None], place: str) -> None:
    at = {"first": 0, "checkpoint": 8, "anchor": 5, "before the last": 11, "last": 12}[place]
    elements = await listed(written.client, RECORDS)
    tamper(elements, at)
    await replaced(written.client, RECORDS, elements)
    verdict = await written.verify()
    assert not verdict["ok"]
    first = at - 1 if tamper is reorder and place == "last" else at
    assert verdict["first_bad"]["seq"] == first, verdict


@pytest.mark.parametrize("tamper", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("entry", [0, 1, 3])
async def test_a_tampered_journal(written: Replica, tamper: Callable[[Elements, int], None], entry: int) -> None:
    page = await written.reader.latest(record.Filter(event="run.ended"), limit=2)
    ended = page.records[0]
    key = keys.journal(ended["run_id"])
    elements = await listed(written.client, key)
    tamper(elements, entry)
    await replaced(written.client, key, elements)
    verdict = await written.verify()
    assert not verdict["ok"] and ended["run_id"] in verdict["first_bad"]["reason"], verdict
    # The run's first record covers its first entry, its last one the rest.
    assert verdict["first_bad"]["seq"] in (ended["seq"] - 1, ended["seq"])


async def test_a_journal_that_was_written_anew_is_another_one(written: Replica) -> None:
    """All hashes fit, those of the run's record too: only the anchor tells."""
    ended = (await written.reader.latest(record.Filter(event="run.ended"), limit=1)).records[0]
    run_id = ended["run_id"]
    entries = await written.journal.entries(run_id)
    entries[1] = Entry(1, entries[1].kind, entries[1].at, {**entries[1].data, "args": {"n": "other"}})
    head, elements = chain.seal(GENESIS, entries)
    await replaced(written.client, keys.journal(run_id), elements)
    await written.client.send("HSET", keys.run(run_id), "head", head)
    verdict = await written.verify()
    assert verdict["first_bad"]["seq"] == ended["seq"]
    assert "is not the one that was written" in verdict["first_bad"]["reason"]


async def test_a_journal_that_goes_on_after_its_end(written: Replica) -> None:
    ended = (await written.reader.latest(record.Filter(event="run.ended"), limit=1)).records[0]
    key = keys.journal(ended["run_id"])
    elements = await listed(written.client, key)
    more = Entry(len(elements), "call", 1, {"cid": 9})
    _, added = chain.seal(elements[-1][:DIGEST], [more])
    await written.client.send("RPUSH", key, *added)
    assert (await written.verify())["first_bad"]["reason"].endswith("does not end where the run did")


async def test_a_journal_that_is_gone_before_its_time(written: Replica) -> None:
    ended = (await written.reader.latest(record.Filter(event="run.ended"), limit=2)).records[0]
    await written.client.send("DEL", keys.journal(ended["run_id"]), keys.run(ended["run_id"]))
    verdict = await written.verify()
    assert verdict["first_bad"]["seq"] == ended["seq"] - 1
    assert "is gone, and nothing says that it may be" in verdict["first_bad"]["reason"]


async def test_the_journal_of_a_run_under_way_is_proved_as_far_as_it_is_anchored(written: Replica) -> None:
    writer = await written.open()
    await written.write(writer, tool(1, "crm:create", {}), done(1), tool(2, "crm:create", {}))
    written.audit.anchor()
    assert (await written.verify())["ok"]
    key = keys.journal(writer.run_id)
    elements = await listed(written.client, key)
    await replaced(written.client, key, elements[:-1])
    verdict = await written.verify()
    assert verdict["first_bad"]["reason"] == f"the journal of {writer.run_id} has 3 of 4 entries"


async def resealed(written: Replica, bodies: list[dict[str, Any]]) -> None:
    """The whole chain anew, as somebody would write it who knows the format: every hash fits, and the state too."""
    head, elements = record.seal(GENESIS, 0, bodies)
    await replaced(written.client, RECORDS, elements)
    await written.client.send("HSET", STATE, "length", len(elements), "head", head)


async def bodies_of(written: Replica) -> list[dict[str, Any]]:
    return [orjson.loads(element[DIGEST:]) for element in await listed(written.client, RECORDS)]


@pytest.mark.parametrize("at", [0, 5])
async def test_a_chain_that_was_written_anew_lacks_the_signature(written: Replica, at: int) -> None:
    bodies = await bodies_of(written)
    bodies[at]["actor"] = {"sub": "somebody else"}
    await resealed(written, bodies)
    first_checkpoint_after = min(seq for seq in (1, 8, 12) if seq > at)
    assert (await written.verify())["first_bad"]["seq"] == first_checkpoint_after


async def test_a_checkpoint_of_another_key_is_none(written: Replica, tmp_path_factory: pytest.TempPathFactory) -> None:
    foreign = KeyRing.load_or_create(tmp_path_factory.mktemp("foreign"), CHECKPOINTS)
    bodies = await bodies_of(written)
    bodies[12] |= {"kid": foreign.kid, "signature": "AAAA"}
    await resealed(written, bodies)
    assert (await written.verify())["first_bad"] == {
        "seq": 12,
        "reason": "this checkpoint is not one that the gateway signed",
    }


async def test_checkpoints_of_former_keys_stay_good(written: Replica) -> None:
    written.keys.rotate(now_s=0, until_s=0)
    await written.audit.record("token.issued", agent="triage")
    await written.audit.chain("default").checkpoint(now=True)
    assert (await written.verify())["checkpoints"] == 4


async def cut(written: Replica, length: int, *, thorough: bool) -> None:
    """The chain ends earlier; and, if it was done well, nothing in the store remembers more."""
    elements = (await listed(written.client, RECORDS))[:length]
    await replaced(written.client, RECORDS, elements)
    await written.client.send("HSET", STATE, "length", length, "head", elements[-1][:DIGEST])
    if thorough:
        at = orjson.loads(elements[-1][DIGEST:])["ts"]
        await written.client.send("ZREMRANGEBYSCORE", LIST, f"({at}", "+inf")


async def test_an_end_that_was_cut_off_leaves_its_checkpoint(written: Replica) -> None:
    await cut(written, 9, thorough=False)
    verdict = await written.verify()
    assert verdict["first_bad"] == {"seq": 9, "reason": "checkpoint 12 is in the list of checkpoints only"}


async def test_an_end_cut_off_with_its_checkpoint_is_proved_by_an_exported_one(written: Replica) -> None:
    exported = (await written.reader.latest(record.Filter(event="checkpoint"), limit=1)).records
    assert (await written.verify(exported))["ok"]
    await cut(written, 9, thorough=True)
    assert (await written.verify())["ok"], "the store alone cannot know"
    verdict = await written.verify(exported)
    assert verdict["first_bad"] == {
        "seq": 9,
        "reason": "records 9 to 12 are missing: the given checkpoint proves that they were there",
    }


async def test_a_checkpoint_that_is_not_ours_proves_nothing(written: Replica) -> None:
    exported = (await written.reader.latest(record.Filter(event="checkpoint"), limit=1)).records
    for forged in ({**exported[0], "seq": 5}, {**exported[0], "signature": "?"}, {"event": "checkpoint"}):
        verdict = await written.verify([forged])
        assert "not one that this gateway signed" in verdict["first_bad"]["reason"]


async def test_a_missing_checkpoint_in_the_list_is_named(written: Replica) -> None:
    found = await written.store.checkpoints("default")
    await written.client.send("ZREM", LIST, found[1])
    assert (await written.verify())["first_bad"] == {
        "seq": 8,
        "reason": "this checkpoint is not in the list of checkpoints",
    }


async def test_a_state_that_was_deleted_is_found(written: Replica) -> None:
    await written.client.send("DEL", STATE)
    assert (await written.verify())["first_bad"]["reason"] == "there are more records than the 0 that were written"


async def test_a_head_that_was_cut_off_is_found_even_at_a_checkpoint(written: Replica) -> None:
    elements = await listed(written.client, RECORDS)
    await replaced(written.client, RECORDS, elements[8:])
    await written.client.send("HSET", STATE, "first", 8)
    verdict = await written.verify()
    assert verdict["first_bad"]["seq"] == 8
    assert "nothing says that they were trimmed" in verdict["first_bad"]["reason"]
    await replaced(written.client, RECORDS, elements[9:])
    await written.client.send("HSET", STATE, "first", 9)
    assert "it is no checkpoint" in (await written.verify())["first_bad"]["reason"]
