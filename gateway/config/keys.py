"""`gateway.keyring`: where the gateway's own keys are."""

from __future__ import annotations

from pydantic import Field

from gateway.config.base import Model
from gateway.config.quantities import FilePath


class KeySettings(Model):
    """Keys as text are meant to come from the environment: `tokens: ${GATEWAY_TOKEN_KEYS}`."""

    folder: FilePath | None = Field(
        default=None,
        description="Folder (0700) of key files (0600), relative to this file, which replicas may share. "
        "Absent: `keys` in `data_dir`.",
    )
    tokens: str | None = Field(
        default=None,
        repr=False,
        description="Instead of a file: the private key (PEM, P-256) that signs tokens, then former ones that still "
        "verify.",
    )
    checkpoints: str | None = Field(
        default=None, repr=False, description="The same for checkpoints of the audit record."
    )
    audit: str | None = Field(
        default=None, repr=False, description="Instead of a file: the key (base64 of 32 bytes) of `args_hmac`."
    )
    credentials: str | None = Field(
        default=None, repr=False, description="The same for what encrypts the credentials of upstream servers."
    )
    admin: str | None = Field(
        default=None, repr=False, description="Instead of a file: the administrator's bearer, `gwa_` and 43 characters."
    )
