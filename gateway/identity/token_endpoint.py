"""The token endpoint: who the client is, which of the four grants it brings, and the response (RFC 6749, 5)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

from gateway.identity.clients import Client
from gateway.identity.grants import hashed
from gateway.identity.keys import same_secret
from gateway.identity.oauth import (
    AUTHORIZATION_CODE,
    DEVICE_CODE,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
    AuthorizationServer,
    InvalidClient,
    OAuthError,
    Parameters,
    required,
)
from gateway.model import JSON

ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
ID_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:id_token"

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_BASIC = re.compile(r"basic +([A-Za-z0-9+/]+=*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client presented: `method` is how, as in its `token_endpoint_auth_method`."""

    client_id: str
    secret: str | None
    method: str


@dataclass(frozen=True, slots=True)
class CodeGrant:
    code: str
    code_verifier: str
    redirect_uri: str | None


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    refresh_token: str
    scope: tuple[str, ...] | None
    """Narrower than what was granted, for the access token alone; None: all of it."""


@dataclass(frozen=True, slots=True)
class DeviceGrant:
    device_code: str


@dataclass(frozen=True, slots=True)
class ExchangeGrant:
    """RFC 8693: a token of an issuer that the operator trusts (a cluster, a CI) against one of ours."""

    subject_token: str
    scope: tuple[str, ...]


TokenRequest = CodeGrant | RefreshGrant | DeviceGrant | ExchangeGrant


def credentials(given: Parameters, authorization: str | None) -> Credentials | None:
    """What the request says of its client; None: nothing, which only a token exchange may.

    Raises `OAuthError` for two ways at once (RFC 6749, 2.3), `InvalidClient` for an Authorization that is not Basic.
    """
    if authorization is None:
        secret = given.get("client_secret")
        if "client_id" not in given:
            return None
        return Credentials(given["client_id"], secret, "none" if secret is None else "client_secret_post")
    if "client_secret" in given:
        raise OAuthError("invalid_request", "The client authenticates in two ways at once.")
    client_id, secret = _basic(authorization)
    if given.get("client_id", client_id) != client_id:
        raise OAuthError("invalid_request", "The client_id is not the one that authenticates.")
    return Credentials(client_id, secret, "client_secret_basic")


def authenticate(client: Client | None, presented: Credentials, *, now_ms: int) -> Client:
    """The client, which has proved to be it in the way that it registered. Raises `InvalidClient`.

    `client` is what the store has under `presented.client_id`.
    """
    if client is None or (client.expires_at is not None and client.expires_at <= now_ms):
        raise InvalidClient("The client is not known here, or its registration has expired.")
    secret = hashed(presented.secret or "")
    if presented.method != client.auth_method or (
        client.auth_method != "none" and not same_secret(secret, client.secret_hash or "")
    ):
        raise InvalidClient("The client did not authenticate as it has registered.")
    return client


def token_request(given: Parameters, client: Client | None, server: AuthorizationServer) -> TokenRequest:
    """The grant that the request brings, well-formed; whether it is good is `grants`' to say. Raises `OAuthError`."""
    grant_type = required(given, "grant_type")
    if grant_type == TOKEN_EXCHANGE:
        return _exchange(given, server)
    if grant_type not in (AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE):
        raise OAuthError("unsupported_grant_type", "This grant_type is not supported.")
    if client is None:
        raise InvalidClient("Parameter 'client_id' is missing.")
    if grant_type not in client.grant_types:
        raise OAuthError("unauthorized_client", "The client is not registered for this grant_type.")
    server.resource_of(given)
    match grant_type:
        case "authorization_code":
            return CodeGrant(required(given, "code"), _verifier(given), given.get("redirect_uri"))
        case "refresh_token":
            scope = server.scope_of(given, client.scope) if "scope" in given else None
            return RefreshGrant(required(given, "refresh_token"), scope)
    return DeviceGrant(required(given, "device_code"))


def narrowed(wanted: tuple[str, ...] | None, granted: tuple[str, ...]) -> tuple[str, ...]:
    """The scope of a refreshed access token. Raises invalid_scope for more than was granted (RFC 6749, 6)."""
    if wanted is None:
        return granted
    if not set(wanted) <= set(granted):
        raise OAuthError("invalid_scope", "A refresh cannot have more scope than was granted.")
    return wanted


def token_response(
    access_token: str,
    *,
    expires_in_s: int,
    scope: tuple[str, ...],
    refresh_token: str | None = None,
    exchanged: bool = False,
) -> dict[str, JSON]:
    """The JSON of a success; send it with `Cache-Control: no-store`."""
    response: dict[str, JSON] = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": expires_in_s,
        "scope": " ".join(scope),
    }
    if refresh_token is not None:
        response["refresh_token"] = refresh_token
    if exchanged:
        response["issued_token_type"] = ACCESS_TOKEN_TYPE
    return response


def _exchange(given: Parameters, server: AuthorizationServer) -> ExchangeGrant:
    if "actor_token" in given or "actor_token_type" in given:
        raise OAuthError("invalid_request", "Actor tokens are not supported.")
    if required(given, "subject_token_type") not in (JWT_TYPE, ID_TOKEN_TYPE):
        raise OAuthError("invalid_request", f"subject_token_type must be {JWT_TYPE} or {ID_TOKEN_TYPE}.")
    if given.get("requested_token_type", ACCESS_TOKEN_TYPE) not in (ACCESS_TOKEN_TYPE, JWT_TYPE):
        raise OAuthError("invalid_request", f"requested_token_type must be {ACCESS_TOKEN_TYPE}.")
    if given.get("audience", server.resource) not in (server.resource, server.issuer):
        raise OAuthError("invalid_target", f"Tokens are issued for {server.resource} alone.")
    server.resource_of(given)
    return ExchangeGrant(required(given, "subject_token"), server.scope_of(given, server.scopes))


def _verifier(given: Parameters) -> str:
    verifier = required(given, "code_verifier")
    if not _VERIFIER.fullmatch(verifier):
        raise OAuthError("invalid_request", "The code_verifier must have 43 to 128 unreserved characters.")
    return verifier


def _basic(authorization: str) -> tuple[str, str]:
    """Id and secret, each form-encoded before the base64 (RFC 6749, 2.3.1)."""
    found = _BASIC.fullmatch(authorization)
    try:
        decoded = base64.b64decode(found.group(1), validate=True).decode() if found else ""
    except ValueError:
        decoded = ""
    client_id, separator, secret = decoded.partition(":")
    if not separator or not client_id:
        raise InvalidClient("The Authorization header must be Basic, with the client's id and secret.")
    return unquote_plus(client_id), unquote_plus(secret)
