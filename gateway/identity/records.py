"""The JSON form of what the OAuth server stores, and nothing else of it: when to forget a record is its own to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from gateway.errors import StoreCorrupt
from gateway.identity.authorize import AuthorizationRequest
from gateway.identity.clients import Client
from gateway.identity.grants import AuthorizationCode, Consent, DeviceCode, RefreshToken
from gateway.identity.people import Person, SignInAttempt
from gateway.identity.upstream_oauth import ConnectAttempt, Credential, UpstreamClient

Record = TypeVar(
    "Record",
    Client,
    AuthorizationRequest,
    Consent,
    AuthorizationCode,
    RefreshToken,
    DeviceCode,
    Person,
    SignInAttempt,
    ConnectAttempt,
    Credential,
    UpstreamClient,
)

_ADAPTERS: Mapping[type[Any], TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in Record.__constraints__}


def dumps(record: Record) -> bytes:
    """A record as JSON."""
    return _ADAPTERS[type(record)].dump_json(record)


def loads(kind: type[Record], raw: bytes) -> Record:
    """The record that `dumps` wrote. Raises `StoreCorrupt` for anything else."""
    try:
        record: Record = _ADAPTERS[kind].validate_json(raw, strict=True, extra="forbid")
    except ValidationError as error:
        raise StoreCorrupt(f"A stored {kind.__name__} is broken in {error.error_count()} places.") from None
    return record
