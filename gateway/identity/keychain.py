"""All keys of a gateway, from where the configuration says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.config import GatewaySettings
from gateway.identity.keys import (
    CHECKPOINTS,
    TOKENS,
    KeyRing,
    Purpose,
    admin_key,
    admin_key_from_text,
    audit_key,
    audit_key_from_text,
    encryption_key,
    encryption_key_from_text,
)

_Secret = TypeVar("_Secret", str, bytes)


@dataclass(frozen=True, slots=True)
class KeyChain:
    tokens: KeyRing
    checkpoints: KeyRing
    admin: str
    audit: bytes
    credentials: bytes

    @classmethod
    def load(cls, settings: GatewaySettings) -> KeyChain:
        """What the configuration does not give is in files, which are made at first. Raises `ConfigError` for whatever
        is broken, or open to other users."""
        given, folder = settings.keyring, settings.keys_folder

        def secret(
            name: str, from_file: Callable[[Path], _Secret], from_text: Callable[[str, str], _Secret]
        ) -> _Secret:
            text = getattr(given, name)
            return from_file(folder) if text is None else from_text(text, f"gateway.keyring.{name}")

        return cls(
            tokens=_ring(settings, TOKENS),
            checkpoints=_ring(settings, CHECKPOINTS),
            admin=secret("admin", admin_key, admin_key_from_text),
            audit=secret("audit", audit_key, audit_key_from_text),
            credentials=secret("credentials", encryption_key, encryption_key_from_text),
        )


def _ring(settings: GatewaySettings, purpose: Purpose) -> KeyRing:
    text = getattr(settings.keyring, purpose.name)
    if text is None:
        return KeyRing.load_or_create(settings.keys_folder, purpose)
    return KeyRing.from_text(text, f"gateway.keyring.{purpose.name}", purpose)
