"""Authorization requests (OAuth 2.1 with PKCE) and device authorization requests (RFC 8628), and their answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from gateway.identity.clients import Client
from gateway.identity.grants import DEVICE_LIFETIME_MS, POLL_INTERVAL_MS
from gateway.identity.oauth import (
    AUTHORIZATION_CODE,
    DEVICE_CODE,
    AuthorizationServer,
    OAuthError,
    Parameters,
    required,
)
from gateway.model import JSON

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTo:
    """Where the answer goes. Every answer names its issuer (RFC 9207), against mix-up."""

    redirect_uri: str
    state: str | None
    issuer: str

    def granted(self, code: str) -> str:
        """The URL of the redirect that brings the code."""
        return self._location({"code": code})

    def refused(self, error: OAuthError) -> str:
        """The URL of the redirect that tells why not."""
        return self._location(error.body())

    def _location(self, answer: dict[str, str]) -> str:
        said = answer | ({} if self.state is None else {"state": self.state}) | {"iss": self.issuer}
        return f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{urlencode(said)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A request that is in order and waits for the person: store it with `records.dumps`, under a random id."""

    client_id: str
    reply: ReplyTo
    scope: tuple[str, ...]
    resource: str
    code_challenge: str


def reply_to(given: Parameters, client: Client, server: AuthorizationServer) -> ReplyTo:
    """Where to answer this request. First of all: an error before this is shown to the person, never redirected.

    Raises `OAuthError` for a redirect URI that is absent or is not the client's.
    """
    redirect_uri = required(given, "redirect_uri")
    if not client.answers_at(redirect_uri):
        raise OAuthError("invalid_request", "The redirect_uri is not one of those that the client has registered.")
    return ReplyTo(redirect_uri=redirect_uri, state=given.get("state"), issuer=server.issuer)


def authorization_request(
    given: Parameters, client: Client, server: AuthorizationServer, reply: ReplyTo
) -> AuthorizationRequest:
    """The request, checked. Raises `OAuthError`, which is the client's to know: redirect to `reply.refused(error)`."""
    if "request" in given:
        raise OAuthError("request_not_supported", "Request objects are not supported.")
    if "request_uri" in given:
        raise OAuthError("request_uri_not_supported", "Request objects are not supported.")
    if AUTHORIZATION_CODE not in client.grant_types:
        raise OAuthError("unauthorized_client", "The client is not registered for authorization codes.")
    if required(given, "response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code.")
    if given.get("response_mode", "query") != "query":
        raise OAuthError("invalid_request", "response_mode must be query.")
    challenge = required(given, "code_challenge")
    if given.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "PKCE needs a code_challenge of 43 characters with method S256.")
    return AuthorizationRequest(
        client_id=client.client_id,
        reply=reply,
        scope=server.scope_of(given, client.scope),
        resource=server.resource_of(given),
        code_challenge=challenge,
    )


def device_request(given: Parameters, client: Client, server: AuthorizationServer) -> tuple[tuple[str, ...], str]:
    """Scope and resource of a device authorization request (RFC 8628, 3.1). Raises `OAuthError`."""
    if DEVICE_CODE not in client.grant_types:
        raise OAuthError("unauthorized_client", "The client is not registered for device codes.")
    return server.scope_of(given, client.scope), server.resource_of(given)


def device_response(device_code: str, user_code: str, verification_uri: str) -> dict[str, JSON]:
    """The answer to it (3.2)."""
    return {
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": verification_uri,
        "verification_uri_complete": f"{verification_uri}?{urlencode({'user_code': user_code})}",
        "expires_in": DEVICE_LIFETIME_MS // 1000,
        "interval": POLL_INTERVAL_MS // 1000,
    }
