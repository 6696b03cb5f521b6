"""Fuzz the token verifier: `python -m tests.identity.fuzz --seconds 300 [--seed N]`.

Whatever comes in, `verify` returns claims that were signed, or raises `Unauthenticated`. Half of the tokens carry a
right signature over odd content, so that the code behind the signature check is reached too.
"""

from __future__ import annotations

import argparse
import random
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.errors import Unauthenticated
from gateway.identity.keys import KeyRing
from gateway.identity.tokens import mint, verify
from gateway.model import JSON
from tests.identity.forge import AUDIENCE, ISSUER, NOW, encode, good_claims, good_header, good_payload, ring_in, sign

ALPHABET = 'ABCabc012_-.=+/ \n\0\u0661\ud800{}[]"'
ODD: tuple[JSON, ...] = (
    None, True, False, 0, -1, 1.5, 2**53, 2**64, 10**2000, float("nan"), float("inf"), "", "x", "\0", "\ud800", "ES256",
    "none", "at+jwt", AUDIENCE, ISSUER, NOW, NOW + 3600, str(NOW), [], {}, ["tok_1"], {"sub": "a"}, [[]], {"a": {}},
)  # fmt: skip


@dataclass
class Report:
    accepted: int = 0
    refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


def run(*, rounds: int | None = None, seconds: float | None = None, seed: int) -> Report:
    """Fuzz for a number of rounds or seconds. An exception that is not ours leaves with the seed in its notes."""
    chance = random.Random(seed)
    report = Report()
    deadline = None if seconds is None else time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        ring = ring_in(Path(folder))
        done = 0
        while (rounds is None or done < rounds) and (deadline is None or time.monotonic() < deadline):
            token = chance.choice(MAKERS)(chance, ring)
            _check(token, ring, report, f"seed {seed}, round {done}")
            done += 1
    return report


def _check(token: str, ring: KeyRing, report: Report, where: str) -> None:
    try:
        claims = verify(token, ring, issuer=ISSUER, audience=AUDIENCE, now_s=NOW)
    except Unauthenticated as refused:
        reason = str(refused.details["reason"])
        report.refused += 1
        report.reasons[reason] = report.reasons.get(reason, 0) + 1
    except BaseException as error:
        error.add_note(f"{where}: {token!r}")
        raise
    else:
        assert (claims.iss, claims.aud, claims.chain[-1]) == (ISSUER, AUDIENCE, claims.jti), where
        report.accepted += 1


def _edited(chance: random.Random, ring: KeyRing) -> str:
    """A good token with some characters replaced, inserted or taken out."""
    token = list(mint(good_claims(), ring))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(token))
        token[at : at + chance.randint(0, 2)] = chance.choices(ALPHABET, k=chance.randint(0, 2))
    return "".join(token)


def _bit_flipped(chance: random.Random, ring: KeyRing) -> str:
    token = bytearray(mint(good_claims(), ring).encode())
    token[chance.randrange(len(token))] ^= 1 << chance.randrange(8)
    return token.decode("latin-1")


def _odd_header(chance: random.Random, ring: KeyRing) -> str:
    header = good_header(ring)
    for _ in range(chance.randint(1, 2)):
        header[chance.choice([*header, "crit", "b64", "jwk", "zip"])] = _odd(chance, 0)
    return sign(header, good_payload(), ring.signing_key)


def _odd_payload(chance: random.Random, ring: KeyRing) -> str:
    payload = good_payload()
    for _ in range(chance.randint(1, 3)):
        payload[chance.choice([*payload, "act", "nonce"])] = _odd(chance, 0)
    return sign(good_header(ring), payload, ring.signing_key)


def _broken_json(chance: random.Random, ring: KeyRing) -> str:
    """Right signature over a payload that is damaged as text, or as bytes, or only brackets."""
    kind = chance.randrange(3)
    if kind == 0:
        opening = chance.choice(['{"a":', "["]) * chance.randint(1, 700)
        return sign(good_header(ring), opening, ring.signing_key)
    if kind == 1:
        return sign(good_header(ring), chance.randbytes(chance.randint(0, 200)), ring.signing_key)
    text = bytearray(str(good_payload()).replace("'", '"').encode())
    text[chance.randrange(len(text))] = chance.randrange(256)
    return sign(good_header(ring), bytes(text), ring.signing_key)


def _random_parts(chance: random.Random, ring: KeyRing) -> str:
    parts = [encode(chance.randbytes(chance.choice([0, 1, 64, 300]))) for _ in range(chance.randint(1, 5))]
    return ".".join(parts)


def _odd(chance: random.Random, depth: int) -> JSON:
    if depth < 4 and chance.random() < 0.3:
        inner = _odd(chance, depth + 1)
        return chance.choice([[inner], {"sub": inner}, [inner] * 3])
    return chance.choice(ODD)


MAKERS: tuple[Callable[[random.Random, KeyRing], str], ...] = (
    _edited,
    _bit_flipped,
    _odd_header,
    _odd_payload,
    _broken_json,
    _random_parts,
)


def main() -> None:
    arguments = argparse.ArgumentParser(description="Fuzz the token verifier.")
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--seed", type=int, default=secrets.randbits(32))
    given = arguments.parse_args()
    print(f"seed {given.seed}")
    report = run(seconds=given.seconds, seed=given.seed)
    print(f"{report.refused} refused {report.reasons}, {report.accepted} accepted, nothing else raised")


if __name__ == "__main__":
    main()
