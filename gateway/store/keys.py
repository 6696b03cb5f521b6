"""Every key in Redis, with what it holds, how long it lives, and why. Nothing else in the code base spells a key.

All keys of one run share the hash tag `{run_id}`, all keys of one session `{sid}`, so that a script over them
works on a Redis Cluster. Keys without a TTL are named in `LASTING`, which a test checks against a used store.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib

PREFIX = "mcg:"


def run_id(tenant: str, agent: str) -> str:
    """A new run's id. It begins with marks of its tenant and its agent, so that a queue of ids can be served fairly."""
    return f"run_{_mark(tenant)}{_mark(f'{tenant}/{agent}')}{secrets.token_hex(8)}"


def next_run_id(run_id: str) -> str:
    """The id of the run that goes on from one: always the same, and of the same owner."""
    return run_id[:12] + hashlib.sha256(f"{run_id}/next".encode()).hexdigest()[:16]


def owner(run_id: str) -> tuple[str, str]:
    """The marks of tenant and agent in a run's id: the same for all runs of the same."""
    return run_id[4:8], run_id[8:12]


def _mark(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:4]


def run(run_id: str) -> str:
    """Hash: the record of a run. TTL: none while it lives, `retention` once it has ended."""
    return f"{PREFIX}run:{{{run_id}}}"


def journal(run_id: str) -> str:
    """List of sealed entries (engine/chain.py). Lives as long as its run."""
    return f"{PREFIX}run:{{{run_id}}}:journal"


def inbox(run_id: str) -> str:
    """List of events for a run from anybody (approval, answer, signal, cancel): unfenced, the owner empties it."""
    return f"{PREFIX}run:{{{run_id}}}:inbox"


def blob(run_id: str, digest: str) -> str:
    """String: a large value, zlib, named by its SHA-256. Lives as long as its run."""
    return f"{PREFIX}run:{{{run_id}}}:blob:{digest}"


def blobs(run_id: str) -> str:
    """Set of the digests of a run's blobs, so that they can be given the run's TTL and be deleted with it."""
    return f"{PREFIX}run:{{{run_id}}}:blobs"


def runs(tenant: str) -> str:
    """Sorted set of run ids by creation time (ms), trimmed when runs are deleted. An index: repaired, not trusted."""
    return f"{PREFIX}runs:{tenant}"


SHARDS = 8


def alive(shard: int) -> str:
    """Sorted set of runs that have not ended, by the time (ms) from which somebody should look after them:
    a wake-up time, or the end of a lease. This is what wakes and repairs runs. Sharded over a cluster's slots."""
    return f"{PREFIX}alive:{shard}"


def shard(run_id: str) -> int:
    return zlib.crc32(run_id.encode()) % SHARDS


def live(identity: str) -> str:
    """String "1" while an identity (tenant, agent, token) may act. Absent means dead. TTL of a token: its expiry."""
    return f"{PREFIX}{{live}}:{identity}"


def revocations() -> str:
    """Stream of who was shut off (`shut`, `until`, `note`) and opened again (`open`). Each replica keeps a copy of it
    (store/ledger.py). Entries are dropped when all they name would have expired."""
    return f"{PREFIX}revocations"


def replicas() -> str:
    """Sorted set of the replicas that are there, by when they last said so (ms). TTL 60 s, renewed."""
    return f"{PREFIX}replicas"


def acknowledgements(note: str) -> str:
    """List of the replicas that have taken in a revocation. TTL 10 s."""
    return f"{PREFIX}acks:{note}"


def token(token_id: str) -> str:
    """String, JSON: the record of a token. TTL: 30 days past its expiry, so that `token list` can still name it."""
    return f"{PREFIX}token:{token_id}"


def tokens(tenant: str) -> str:
    """Sorted set of token ids by expiry (ms)."""
    return f"{PREFIX}tokens:{tenant}"


def sessions(sid: str) -> str:
    """Hash: session name → creation time (ms)."""
    return f"{PREFIX}session:{{{sid}}}"


def state(sid: str, name: str) -> str:
    """Hash: a session's `state.*` values as JSON."""
    return f"{PREFIX}session:{{{sid}}}:state:{name}"


def state_writers(sid: str, name: str) -> str:
    """Hash: run id → the last epoch in which it wrote the session's state, if that was not its first. TTL an hour."""
    return f"{PREFIX}session:{{{sid}}}:writers:{name}"


def session_runs(sid: str, name: str) -> str:
    """Sorted set of the session's run ids by creation time (ms)."""
    return f"{PREFIX}session:{{{sid}}}:runs:{name}"


def module(digest: str) -> str:
    """String: the run-time part of a generated module (which function calls which tool). TTL 30 days, renewed."""
    return f"{PREFIX}module:{digest}"


def observed(pin: str) -> str:
    """String, JSON: the learnt result type of the tool with this pin. TTL 90 days, renewed."""
    return f"{PREFIX}observed:{pin}"


def listed(digest: str) -> str:
    """String: the tools that the server of this name and endpoint listed last. TTL 90 days, renewed."""
    return f"{PREFIX}listed:{digest}"


def pins(server: str) -> str:
    """Hash: tool → the definition of it that is approved, as hashes (JSON). Lasts: what a server may change unnoticed
    while it is away, or out of the configuration, would be the way around it."""
    return f"{PREFIX}pins:{server}"


def drift(server: str) -> str:
    """String: hash of the difference from the pins that was recorded last, so that each is told once."""
    return f"{PREFIX}pins-told:{server}"


def usage(tenant: str, agent: str, rule: str, window: str) -> str:
    """Counter for a limit of a grant; sorted set of calls for `per_minute`. TTL: twice the window, 30 days per run."""
    return f"{PREFIX}usage:{{{tenant}/{agent}}}:{rule}:{window}"


def record(kind: str, name: str) -> str:
    """String: 16 hex digits that change with each write, then JSON. What the OAuth server and the sign-in of people
    keep: clients, requests, codes, refresh tokens, people's sessions. TTL: each record's own."""
    return f"{PREFIX}record:{kind}:{name}"


def consents(person: str) -> str:
    """Sorted set of the ids of the tokens that a person has consented to, by their end (ms). TTL: the last one's."""
    return f"{PREFIX}consents:{person}"


def rate(what: str, who: str) -> str:
    """String: until when (ms) somebody's allowance is used. TTL: until then."""
    return f"{PREFIX}rate:{what}:{who}"


def audit(tenant: str) -> str:
    """Hash: where the tenant's audit chain stands: length, head, first kept record, last checkpoint."""
    return f"{PREFIX}audit:{{{tenant}}}"


def audit_records(tenant: str) -> str:
    """List of sealed records (engine/record.py), trimmed from its beginning after `audit.retention`."""
    return f"{PREFIX}audit:{{{tenant}}}:records"


def audit_checkpoints(tenant: str) -> str:
    """Sorted set of the sealed checkpoints by time (ms). They outlive the records: what was exported long ago can be
    held against them."""
    return f"{PREFIX}audit:{{{tenant}}}:checkpoints"


def audit_open(tenant: str) -> str:
    """Hash: run id → whom it acts for and how much of its journal is anchored (JSON), until its end is anchored."""
    return f"{PREFIX}audit:{{{tenant}}}:open"


def audit_tenants() -> str:
    """Set of the tenants that have an audit chain."""
    return f"{PREFIX}audit-tenants"


def audit_position(sink: str) -> str:
    """String: how far an exporter has come."""
    return f"{PREFIX}audit-export:{{{sink}}}"


def audit_exporter(sink: str) -> str:
    """String: the replica that feeds an exporter. TTL 30 s, renewed: when it dies, another one goes on."""
    return f"{PREFIX}audit-export:{{{sink}}}:lease"


def channel() -> str:
    """Pub/sub channel: `revoked <id> …`, `opened`, `inbox <run id>`."""
    return f"{PREFIX}events"


LASTING = ("runs:", "alive", "revocations", "tokens:", "session:", "run:", "{live}:", "audit", "pins")
