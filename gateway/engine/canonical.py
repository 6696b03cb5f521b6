"""One canonical form of JSON values, for hashes of arguments: sorted keys, no spaces, integral floats as integers.

Both sides of a comparison are made here, so the form needs to be stable, not to be RFC 8785."""

from __future__ import annotations

import hashlib

import orjson

from gateway.model import JSON


def canonical(value: JSON) -> bytes:
    """The canonical bytes of a JSON value. Raises `TypeError` for what is no JSON value."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def args_hash(value: JSON) -> str:
    """SHA-256 of the canonical form, first 16 bytes in hex: enough to tell two argument objects apart."""
    return hashlib.sha256(canonical(value)).hexdigest()[:32]
