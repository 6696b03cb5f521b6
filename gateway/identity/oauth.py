"""The gateway as OAuth 2.1 authorisation server: what all its endpoints share. No I/O.

oauth           errors, parameters, the server's own facts and its metadata (RFC 8414)
clients         who asks: metadata documents (CIMD), registration (RFC 7591), redirect URIs (RFC 8252)
authorize       the authorization and device requests, and the answers by redirect (RFC 9207 `iss`)
token_endpoint  client authentication, the four grants as requests (RFC 6749, 8628, 8693), the response
grants          codes, refresh tokens and device codes as records, and what redeems them
people          who is signed in, by a code or by OpenID Connect
oidc            the gateway as a client of an OpenID provider
assertions      tokens that others have signed: the provider's, and those of machines (RFC 8693)
    records         the JSON form of all that is stored

addresses, fetch say where documents may be fetched from on a stranger's word, and fetch them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from gateway.errors import UsageError
from gateway.model import JSON

Parameters = Mapping[str, str]
"""Each name at most once, no empty values."""

ErrorCode = Literal[
    "access_denied",
    "authorization_pending",
    "expired_token",
    "invalid_client",
    "invalid_client_metadata",
    "invalid_grant",
    "invalid_redirect_uri",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "request_not_supported",
    "request_uri_not_supported",
    "slow_down",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
]

AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")

MAX_PARAMETERS = 32
MAX_PARAMETER = 4096
MAX_SUBJECT_TOKEN = 16_384

_NOT_DESCRIPTION = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class OAuthError(UsageError):
    """An answer in OAuth's own words: `error` as registered with IANA. RFC 6749 gives it status 400."""

    code = "oauth"

    def __init__(self, error: ErrorCode, description: str) -> None:
        super().__init__(description, error=error)
        self.error = error

    def body(self) -> dict[str, str]:
        """The JSON document (RFC 6749, 5.2) or the parameters of a redirect (4.1.2.1)."""
        return {"error": self.error, "error_description": _NOT_DESCRIPTION.sub("?", self.message)}


class InvalidClient(OAuthError):
    """The client is unknown here, or has not authenticated as it must."""

    status = 401

    def __init__(self, description: str) -> None:
        super().__init__("invalid_client", description)


def parameters(pairs: Iterable[tuple[str, str]]) -> Parameters:
    """A query or form as OAuth reads it: an empty value is an absent one, a name that comes twice is refused.

    Raises `OAuthError` invalid_request, also for more or longer ones than any client of ours has.
    """
    found: dict[str, str] = {}
    for count, (name, value) in enumerate(pairs):
        cap = MAX_SUBJECT_TOKEN if name == "subject_token" else MAX_PARAMETER
        if count >= MAX_PARAMETERS or len(value) > cap:
            raise OAuthError("invalid_request", "The request is too large.")
        if name in found:
            raise OAuthError("invalid_request", f"Parameter '{name[:100]}' is there more than once.")
        if value:
            found[name] = value
    return found


def required(given: Parameters, name: str) -> str:
    """The parameter of this name. Raises `OAuthError` invalid_request when it is absent."""
    try:
        return given[name]
    except KeyError:
        raise OAuthError("invalid_request", f"Parameter '{name}' is missing.") from None


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """What the gateway is as a server. `issuer` is its public URL without a trailing slash."""

    issuer: str
    resource: str
    """The URI of `/mcp`, the one resource that tokens are issued for."""
    scopes: tuple[str, ...]
    registration: bool = False
    """Whether strangers may register (RFC 7591)."""
    documents: bool = True
    """Whether they may be known by a metadata document (CIMD)."""

    def resource_of(self, given: Parameters) -> str:
        """Our resource, which `resource` (RFC 8707) must name if it is there. Raises invalid_target."""
        wanted = given.get("resource")
        if wanted is not None and _canonical(wanted) != _canonical(self.resource):
            raise OAuthError("invalid_target", f"Tokens are issued for {self.resource} alone.")
        return self.resource

    def scope_of(self, given: Parameters, allowed: tuple[str, ...]) -> tuple[str, ...]:
        """The scopes asked for, in our own order; all of `allowed` when none is. Raises invalid_scope."""
        asked = given.get("scope", " ".join(allowed)).split(" ")
        if not set(asked) <= set(allowed):
            raise OAuthError("invalid_scope", f"Only these scopes can be had: {' '.join(allowed)}.")
        return tuple(scope for scope in self.scopes if scope in asked)

    def metadata(self) -> dict[str, JSON]:
        """The RFC 8414 document, with what MCP clients look for: PKCE, CIMD and `iss` support."""
        at = f"{self.issuer}/oauth"
        document: dict[str, JSON] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{at}/authorize",
            "token_endpoint": f"{at}/token",
            "device_authorization_endpoint": f"{at}/device_authorization",
            "revocation_endpoint": f"{at}/revoke",
            "introspection_endpoint": f"{at}/introspect",
            "jwks_uri": f"{self.issuer}/.well-known/jwks.json",
            "scopes_supported": list(self.scopes),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE, TOKEN_EXCHANGE],
            "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
            "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
            "introspection_endpoint_auth_methods_supported": [*AUTH_METHODS[1:], "Bearer"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "client_id_metadata_document_supported": self.documents,
            "protected_resources": [self.resource],
        }
        if self.registration:
            document["registration_endpoint"] = f"{at}/register"
        return document


def _canonical(uri: str) -> tuple[str, str | None, int | None, str, str] | None:
    """A resource URI for comparison: scheme and host in any case, default port or none. None: not comparable."""
    try:
        parts = urlsplit(uri)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if parts.fragment or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port, parts.path, parts.query
