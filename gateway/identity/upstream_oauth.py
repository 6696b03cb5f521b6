"""The gateway as an OAuth client of upstream MCP servers: what it asks and what it believes. No I/O.

MCP authorization (2026-07-28 and before): RFC 9728 and 8414 discovery, RFC 8707 `resource`, PKCE S256, RFC 9207 `iss`,
client id metadata documents before RFC 7591 registration, and client credentials.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson

from gateway.config import ServerOAuth
from gateway.errors import UpstreamError, UpstreamProtocolError
from gateway.identity.grants import challenge_of
from gateway.identity.oidc import TokenCall, origin
from gateway.model import JSON

MAX_DOCUMENT_BYTES = 256 * 1024
EXPIRES_EARLY_S = 60
"""A token is renewed when it is about to end."""
_ATTRIBUTE = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
_PROTECTED, _SERVER = "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server"
_OPENID = "/.well-known/openid-configuration"
_DEFAULT_LIFETIME_S = 3_600


@dataclass(frozen=True, slots=True)
class Challenge:
    """What `WWW-Authenticate` of a 401 or 403 says."""

    metadata_url: str | None = None
    scope: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """What a server says of itself (RFC 9728)."""

    resource: str
    issuer: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authorization server (RFC 8414)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str | None = None
    auth_methods: tuple[str, ...] = ("client_secret_basic",)
    scopes: tuple[str, ...] = ()
    says_iss: bool = False
    takes_documents: bool = False
    refreshes: bool = True
    revocation_endpoint: str = ""


@dataclass(frozen=True, slots=True)
class UpstreamClient:
    """What the gateway is known by at an issuer."""

    client_id: str
    client_secret: str | None = None
    auth_method: str = "none"


@dataclass(frozen=True, slots=True)
class ConnectAttempt:
    """A person who was sent to an issuer: what has to fit when they come back."""

    server: str
    subject: str
    browser: str
    """Hash of what the browser is known by."""
    code_verifier: str
    redirect_uri: str
    resource: str
    issuer: Issuer
    client: UpstreamClient
    scope: str


@dataclass(frozen=True, slots=True)
class Credential:
    """What a server is called with, for one owner or for all. Kept encrypted."""

    access_token: str
    expires_at: int
    """Seconds since the epoch."""
    refresh_token: str | None
    token_endpoint: str
    resource: str
    scope: str
    client: UpstreamClient
    revocation_endpoint: str = ""

    @property
    def secrets(self) -> list[str]:
        """What is blanked wherever it comes back."""
        return [found for found in (self.access_token, self.refresh_token, self.client.client_secret) if found]


def challenge(header: str | None) -> Challenge:
    """What the header says; other schemes and strange forms say nothing."""
    if header is None or not header.lower().startswith("bearer"):
        return Challenge()
    said = {name: value.replace('\\"', '"') for name, value in _ATTRIBUTE.findall(header[:4_096])}
    return Challenge(said.get("resource_metadata"), said.get("scope"), said.get("error"))


def resource_urls(server_url: str, said: Challenge) -> list[str]:
    """Where a server's metadata may be, best first."""
    parts = urlsplit(server_url)
    path = parts.path.rstrip("/")
    known = [said.metadata_url] if said.metadata_url else []
    return list(dict.fromkeys([*known, f"{origin(server_url)}{_PROTECTED}{path}", f"{origin(server_url)}{_PROTECTED}"]))


def resource_of(server_url: str, body: bytes) -> Resource:
    """Raises `UpstreamProtocolError` for metadata of another resource, or without an authorization server."""
    found = _object(body, f"The resource metadata of {origin(server_url)}")
    resource, issuers = found.get("resource"), found.get("authorization_servers")
    if not isinstance(resource, str) or not _is_part_of(server_url, resource):
        raise UpstreamProtocolError(f"The resource metadata of {origin(server_url)} is for {str(resource)[:200]}.")
    if not isinstance(issuers, list) or not issuers or not isinstance(issuers[0], str):
        raise UpstreamProtocolError(f"The resource metadata of {origin(server_url)} names no authorization server.")
    return Resource(resource, issuers[0], _texts(found.get("scopes_supported")))


def issuer_urls(issuer: str) -> list[str]:
    """Where an issuer's metadata may be, best first (RFC 8414, 3.1; Discovery 1.0)."""
    place, path = origin(issuer), urlsplit(issuer).path.rstrip("/")
    found = [f"{place}{_SERVER}{path}", f"{place}{_OPENID}{path}"]
    return found if not path else [*found, f"{place}{path}{_OPENID}"]


def issuer_of(issuer: str, body: bytes) -> Issuer:
    """Raises `UpstreamProtocolError` for metadata of another issuer, or one without PKCE."""
    found = _object(body, f"The metadata of {issuer}")
    if found.get("issuer") != issuer:
        raise UpstreamProtocolError(f"The metadata of {issuer} says that it is {str(found.get('issuer'))[:200]}.")
    if "S256" not in _texts(found.get("code_challenge_methods_supported", ["S256"])):
        raise UpstreamProtocolError(f"{issuer} does not know PKCE with S256.")
    registration = found.get("registration_endpoint")
    grants = found.get("grant_types_supported")
    return Issuer(
        issuer=issuer,
        authorization_endpoint=_endpoint(found, "authorization_endpoint", issuer, required=False),
        token_endpoint=_endpoint(found, "token_endpoint", issuer),
        registration_endpoint=registration if isinstance(registration, str) else None,
        auth_methods=_texts(found.get("token_endpoint_auth_methods_supported")) or ("client_secret_basic",),
        scopes=_texts(found.get("scopes_supported")),
        says_iss=found.get("authorization_response_iss_parameter_supported") is True,
        takes_documents=found.get("client_id_metadata_document_supported") is True,
        refreshes=grants is None or "refresh_token" in _texts(grants),
        revocation_endpoint=_endpoint(found, "revocation_endpoint", issuer, required=False),
    )


def old_issuer(server_url: str) -> Issuer:
    """The endpoints that a server of 2025-03-26 has, which describes nothing."""
    place = origin(server_url)
    return Issuer(place, f"{place}/authorize", f"{place}/token", f"{place}/register", auth_methods=("none",))


def scope_of(
    settings: ServerOAuth, said: Challenge, resource: Resource | None, issuer: Issuer, more: Sequence[str] = ()
) -> str:
    """What to ask for: what the operator says, else what the server asked for, else all that it knows; and `more`."""
    scopes = list(settings.scopes)
    if not scopes:
        scopes = said.scope.split() if said.scope else list(resource.scopes if resource else ())
        if "offline_access" in issuer.scopes and issuer.refreshes and settings.flow == "authorization_code":
            scopes.append("offline_access")
    return " ".join(dict.fromkeys([*scopes, *more]))


def given_client(settings: ServerOAuth, issuer: Issuer) -> UpstreamClient | None:
    """The client that the operator has registered by hand."""
    if settings.client_id is None:
        return None
    method = "none" if settings.client_secret is None else _secret_method(issuer.auth_methods)
    return UpstreamClient(settings.client_id, settings.client_secret, method)


def registration(issuer: Issuer, redirect_uri: str, scope: str) -> dict[str, JSON]:
    """The body of a registration (RFC 7591)."""
    public = "none" in issuer.auth_methods
    asked: dict[str, JSON] = {
        "client_name": "MCP code gateway",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none" if public else _secret_method(issuer.auth_methods),
        "application_type": "native" if redirect_uri.startswith("http:") else "web",
    }
    return {**asked, "scope": scope} if scope else asked


def registered(body: bytes) -> UpstreamClient:
    """Raises `UpstreamProtocolError` for what is no client."""
    found = _object(body, "The answer to the registration")
    client_id, secret = found.get("client_id"), found.get("client_secret")
    if not isinstance(client_id, str) or not client_id:
        said = str(found.get("error_description") or found.get("error") or "it names no client_id")[:200]
        raise UpstreamProtocolError(
            f"The authorization server does not register this gateway: {said}.",
            fix="Register it by hand, and set authorization.client_id of the server.",
        )
    if not isinstance(secret, str):
        return UpstreamClient(client_id)
    method = found.get("token_endpoint_auth_method")
    return UpstreamClient(client_id, secret, method if isinstance(method, str) else "client_secret_basic")


def authorization_url(attempt: ConnectAttempt, state: str) -> str:
    asked = {
        "response_type": "code",
        "client_id": attempt.client.client_id,
        "redirect_uri": attempt.redirect_uri,
        "state": state,
        "code_challenge": challenge_of(attempt.code_verifier),
        "code_challenge_method": "S256",
        "resource": attempt.resource,
    }
    if attempt.scope:
        asked["scope"] = attempt.scope
    if "offline_access" in attempt.scope.split():
        asked["prompt"] = "consent"
    at = attempt.issuer.authorization_endpoint
    return f"{at}{'&' if '?' in at else '?'}{urlencode(asked)}"


def code_of(given: Mapping[str, str], issuer: Issuer) -> str:
    """The code of the answer. Raises `UpstreamError` for a refusal, and for another issuer's answer (RFC 9207)."""
    if given.get("iss", None if issuer.says_iss else issuer.issuer) != issuer.issuer:
        raise UpstreamError("The answer is not that authorization server's.", fix="Start again.")
    if "code" not in given:
        said = given.get("error_description") or given.get("error") or "it sent no code"
        raise UpstreamError(f"The authorization server did not agree: {said[:200]}", fix="Start again.")
    return given["code"]


def code_call(attempt: ConnectAttempt, code: str) -> TokenCall:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt.redirect_uri,
        "code_verifier": attempt.code_verifier,
        "resource": attempt.resource,
    }
    return _authenticated(attempt.issuer.token_endpoint, attempt.client, form)


def refresh_call(credential: Credential) -> TokenCall:
    assert credential.refresh_token is not None
    form = {"grant_type": "refresh_token", "refresh_token": credential.refresh_token, "resource": credential.resource}
    return _authenticated(credential.token_endpoint, credential.client, form)


def client_credentials_call(endpoint: str, client: UpstreamClient, resource: str, scope: str) -> TokenCall:
    form = {"grant_type": "client_credentials", "resource": resource} | ({"scope": scope} if scope else {})
    return _authenticated(endpoint, client, form)


def credential_of(
    body: bytes,
    *,
    token_endpoint: str,
    resource: str,
    scope: str,
    client: UpstreamClient,
    refresh: str | None,
    revocation_endpoint: str,
    now_s: int,
) -> Credential:
    """What the token endpoint answered; `refresh` is the refresh token that stays good where it sends no other. Raises
    `UpstreamProtocolError` when it sent no token."""
    found = _object(body, "The answer of the token endpoint")
    token, kind = found.get("access_token"), found.get("token_type")
    usable = isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token
    if not usable or not token or not isinstance(kind, str) or kind.lower() != "bearer":
        said = str(found.get("error_description") or found.get("error") or "it sent no bearer token")[:200]
        raise UpstreamProtocolError(f"The token endpoint refused: {said}", error=str(found.get("error", ""))[:100])
    lifetime, renewed, granted = found.get("expires_in"), found.get("refresh_token"), found.get("scope")
    seconds = lifetime if isinstance(lifetime, int) and 0 < lifetime < 10**9 else _DEFAULT_LIFETIME_S
    return Credential(
        access_token=token,
        expires_at=now_s + seconds,
        refresh_token=renewed if isinstance(renewed, str) and renewed else refresh,
        token_endpoint=token_endpoint,
        resource=resource,
        scope=granted if isinstance(granted, str) else scope,
        client=client,
        revocation_endpoint=revocation_endpoint,
    )


def revocation_call(credential: Credential) -> TokenCall:
    """Ends the credential at its issuer (RFC 7009)."""
    kind = "access_token" if credential.refresh_token is None else "refresh_token"
    form = {"token": credential.refresh_token or credential.access_token, "token_type_hint": kind}
    return _authenticated(credential.revocation_endpoint, credential.client, form)


def _authenticated(endpoint: str, client: UpstreamClient, form: Mapping[str, str]) -> TokenCall:
    secret = client.client_secret
    if secret is None or client.auth_method == "none":
        return TokenCall(endpoint, {**form, "client_id": client.client_id}, {})
    if client.auth_method == "client_secret_post":
        return TokenCall(endpoint, {**form, "client_id": client.client_id, "client_secret": secret}, {})
    basic = f"{quote_plus(client.client_id)}:{quote_plus(secret)}".encode()
    return TokenCall(endpoint, form, {"Authorization": f"Basic {base64.b64encode(basic).decode()}"})


def _secret_method(supported: Sequence[str]) -> str:
    post_only = "client_secret_post" in supported and "client_secret_basic" not in supported
    return "client_secret_post" if post_only else "client_secret_basic"


def _is_part_of(url: str, resource: str) -> bool:
    """Whether the resource is the server's URL, or something that it is under."""
    if origin(url).lower() != origin(resource).lower():
        return False
    path, above = urlsplit(url).path.rstrip("/"), urlsplit(resource).path.rstrip("/")
    return path == above or path.startswith(above + "/")


def _endpoint(found: Mapping[str, JSON], name: str, issuer: str, *, required: bool = True) -> str:
    """https, or on the issuer's own origin."""
    url = found.get(name)
    if url is None and not required:
        return ""
    if not isinstance(url, str) or not (url.startswith("https://") or origin(url) == origin(issuer)):
        raise UpstreamProtocolError(f"The metadata of {issuer} has no {name} that can be used.")
    return url


def _object(body: bytes, what: str) -> Mapping[str, JSON]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise UpstreamProtocolError(f"{what} is not a JSON object.")
    return found


def _texts(value: JSON) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()
