"""Random chains, tampered with at random: whatever is done where, the first bad record is named."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import zip_longest

import orjson
import pytest

from gateway.engine import record
from gateway.engine.chain import DIGEST
from gateway.store import keys
from tests.audit.parts import Clock, Replica, done, tool

RECORDS = keys.audit_records("default")
STATE = keys.audit("default")
LIST = keys.audit_checkpoints("default")
TRIES = 40

Elements = list[bytes]


async def write_anything(replica: Replica, clock: Clock, chance: random.Random) -> None:
    """Control events, whole runs, runs that are anchored on their way, checkpoints."""
    for number in range(chance.randint(4, 12)):
        match chance.randrange(4):
            case 0:
                await replica.audit.record("token.issued", agent="triage", token_id=f"tok_{number}")
            case 1:
                calls = [step for cid in range(1, chance.randint(2, 4)) for step in (tool(cid, "crm:a", {}), done(cid))]
                await replica.run(*calls)
            case 2:
                writer = await replica.open()
                for cid in range(1, chance.randint(2, 5)):
                    await replica.write(writer, tool(cid, "crm:b", {"n": cid}), done(cid))
                    replica.audit.anchor()
                await replica.end(writer)
            case 3:
                clock.pass_by(seconds=1)
                await replica.audit.flush()
                await replica.audit.chain("default").checkpoint(now=True)
    await replica.run(tool(1, "crm:last", {}), done(1))
    await replica.audit.flush()
    clock.pass_by(seconds=1)
    await replica.audit.chain("default").checkpoint(now=True)


def tampered(elements: Elements, chance: random.Random) -> Elements:
    """Another list than it was."""
    changed = list(elements)
    at, other = chance.randrange(len(changed)), chance.randrange(len(changed))
    match chance.choice(("flip", "drop", "insert", "reorder", "truncate")):
        case "flip":
            one = bytearray(changed[at])
            one[chance.randrange(len(one))] ^= 1 << chance.randrange(8)
            changed[at] = bytes(one)
        case "drop":
            del changed[at]
        case "insert":
            # One of its own, or one that follows from the record before it by all rules.
            sealed = record.seal(changed[at - 1][:DIGEST] if at else bytes(DIGEST), at, [forged(at)])[1][0]
            changed.insert(at, chance.choice((changed[other], sealed)))
        case "reorder":
            changed[at], changed[other] = changed[other], changed[at]
        case "truncate":
            del changed[at:]
    return changed if changed != elements else tampered(elements, chance)


def forged(seq: int) -> dict[str, object]:
    return {"v": 1, "seq": seq, "tenant": "default", "ts": 1, "node": "x", "event": "token.issued"}


def first_difference(before: Sequence[bytes], after: Sequence[bytes]) -> int:
    return next(at for at, (one, other) in enumerate(zip_longest(before, after)) if one != other)


async def put(replica: Replica, key: str, elements: Elements) -> None:
    await replica.client.batch([("DEL", key), *(("RPUSH", key, element) for element in elements)])


@pytest.mark.parametrize("seed", range(4))
async def test_tampering_anywhere_in_the_chain_is_named(replica: Replica, clock: Clock, seed: int) -> None:
    chance = random.Random(seed)
    await write_anything(replica, clock, chance)
    assert (await replica.verify())["ok"]
    elements: Elements = await replica.client.send("LRANGE", RECORDS, 0, -1)
    state = await replica.client.send("HMGET", STATE, "length", "head")
    for _ in range(TRIES):
        changed = tampered(elements, chance)
        await put(replica, RECORDS, changed)
        if chance.random() < 0.5:
            # Whoever does it well makes the state fit.
            head = changed[-1][:DIGEST] if changed else b""
            await replica.client.send("HSET", STATE, "length", len(changed), "head", head)
        verdict = (await replica.verifier.verify()).as_dict()
        assert not verdict["ok"]
        assert verdict["first_bad"]["seq"] == first_difference(elements, changed), verdict
        await replica.client.send("HSET", STATE, "length", state[0], "head", state[1])
    await put(replica, RECORDS, elements)
    assert (await replica.verify())["ok"]


@pytest.mark.parametrize("seed", range(4))
async def test_tampering_anywhere_in_a_journal_is_named(replica: Replica, clock: Clock, seed: int) -> None:
    chance = random.Random(seed)
    await write_anything(replica, clock, chance)
    bodies = [orjson.loads(one[DIGEST:]) for one in await replica.client.send("LRANGE", RECORDS, 0, -1)]
    anchors = [found for body in bodies if (found := record.anchor(body)) is not None]
    for _ in range(TRIES):
        run_id = chance.choice(anchors).run_id
        own = [one for one in anchors if one.run_id == run_id]
        key = keys.journal(run_id)
        elements: Elements = await replica.client.send("LRANGE", key, 0, -1)
        changed = tampered(elements, chance)
        await put(replica, key, changed)
        verdict = (await replica.verifier.verify()).as_dict()
        where = first_difference(elements, changed)
        # What covers the entry first; what comes after the end is the matter of the last.
        wanted = next((one.seq for one in own if one.length > where), own[-1].seq)
        assert not verdict["ok"] and run_id in verdict["first_bad"]["reason"]
        assert verdict["first_bad"]["seq"] == (wanted if changed else own[0].seq), (where, verdict)
        await put(replica, key, elements)
    assert (await replica.verify())["ok"]


@pytest.mark.parametrize("seed", range(4))
async def test_a_checkpoint_that_is_missing_or_another_is_named(replica: Replica, clock: Clock, seed: int) -> None:
    chance = random.Random(seed)
    await write_anything(replica, clock, chance)
    listed: Elements = await replica.client.send("ZRANGE", LIST, 0, -1)
    for element in listed:
        score = await replica.client.send("ZSCORE", LIST, element)
        await replica.client.send("ZREM", LIST, element)
        other = bytearray(element)
        other[chance.randrange(DIGEST)] ^= 1
        if chance.random() < 0.5:
            await replica.client.send("ZADD", LIST, score, bytes(other))
        verdict = (await replica.verifier.verify()).as_dict()
        assert not verdict["ok"]
        assert verdict["first_bad"]["seq"] == record.number_of(element), verdict
        await replica.client.batch([("ZREM", LIST, bytes(other)), ("ZADD", LIST, score, element)])
    assert (await replica.verify())["ok"]
