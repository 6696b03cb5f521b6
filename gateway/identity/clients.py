"""OAuth clients: what a metadata document or a registration says, and where answers may be sent."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import orjson

from gateway.identity.addresses import MAX_URL, problem_with_url
from gateway.identity.grants import hashed
from gateway.identity.oauth import (
    AUTH_METHODS,
    AUTHORIZATION_CODE,
    DEVICE_CODE,
    REFRESH_TOKEN,
    AuthorizationServer,
    ErrorCode,
    InvalidClient,
    OAuthError,
)
from gateway.model import JSON

MAX_DOCUMENT_BYTES = 5 * 1024
"""As the CIMD draft recommends. Whoever fetches stops reading there."""
MAX_REGISTRATION_BYTES = 16 * 1024
MAX_REDIRECT_URIS = 20
MAX_NAME = 100
REGISTRATION_LIFETIME_MS = 90 * 86_400_000
DOCUMENT_LIFETIME_S = (300, 3600, 86_400)
"""How long a document is kept: at least, by default, at most."""

CLIENT_GRANTS = (AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE)
EDITOR_SCHEMES = frozenset({"cursor", "kiro", "vscode", "vscode-insiders", "vscodium", "windsurf", "zed"})
"""Schemes of desktop clients that are in use although they do not contain a domain, as RFC 8252 (7.1) wants."""

_LOOPBACK = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(?::([0-9]{1,5}))?((?:[/?].*)?)")
_URI_TEXT = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")
_PRIVATE_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):/.*")
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|$|\?)", re.IGNORECASE)
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?([0-9]{1,9})", re.IGNORECASE)
_UNCACHED = re.compile(r"\bno-(?:store|cache)\b", re.IGNORECASE)
_JSON_TYPE = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json(?: *;.*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client as it is stored. Times are milliseconds since the epoch; past `expires_at` it is to be fetched, or to
    register, again."""

    client_id: str
    name: str
    """What it calls itself: show `host` beside it, since anybody may take any name."""
    source: Literal["document", "registration", "configuration"]
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    scope: tuple[str, ...]
    auth_method: str = "none"
    secret_hash: str | None = None
    client_uri: str | None = None
    registered_at: int
    expires_at: int | None = None

    @property
    def host(self) -> str | None:
        """Who vouches for a document: the host of its URL."""
        return urlsplit(self.client_id).hostname if self.source == "document" else None

    @property
    def loopback_only(self) -> bool:
        """Every answer goes to some program on the person's own machine, whichever took the port: worth a warning."""
        return bool(self.redirect_uris) and all(_LOOPBACK.fullmatch(uri) for uri in self.redirect_uris)

    def answers_at(self, redirect_uri: str) -> bool:
        """Whether an answer may be sent there: to a registered URI exactly, on loopback at any port (RFC 8252, 7.3).

        `localhost` counts as loopback: the documents of the clients in use have it, without a port.
        """
        if redirect_uri in self.redirect_uris:
            return True
        target = _loopback_target(redirect_uri)
        return target is not None and target in map(_loopback_target, self.redirect_uris)


def is_document_url(client_id: str) -> bool:
    """Whether a client id is the URL of a metadata document, rather than an id of our own."""
    return client_id.startswith("https://")


def check_document_url(client_id: str, *, trusted: Collection[str] = ()) -> None:
    """Whether the document may be fetched at all. Raises `InvalidClient`. Its addresses are still to be judged."""
    problem = problem_with_url(client_id, trusted=trusted)
    if problem is None and not urlsplit(client_id).path:
        problem = "has no path"
    if problem is None and _DOT_SEGMENT.search(client_id):
        problem = "has a path with dots"
    if problem is not None:
        raise InvalidClient(f"The client_id cannot be used: it {problem}.")


def client_from_document(
    client_id: str, content_type: str, body: bytes, server: AuthorizationServer, *, now_ms: int, lifetime_s: int
) -> Client:
    """The client that the document at `client_id` describes (CIMD draft 02; MCP wants name and redirect URIs too).

    Raises `InvalidClient` for a document that is too large, not JSON, of another client, or that needs a secret.
    """
    if len(body) > MAX_DOCUMENT_BYTES or not _JSON_TYPE.fullmatch(content_type):
        raise InvalidClient(f"The client's document must be JSON of at most {MAX_DOCUMENT_BYTES} bytes.")
    document = _json_object(body)
    if document is None or document.get("client_id") != client_id:
        raise InvalidClient("The client's document must be an object whose client_id is its own URL.")
    if document.keys() & {"client_secret", "client_secret_expires_at"}:
        raise InvalidClient("The client's document is public, so it must not have a secret.")
    if document.get("token_endpoint_auth_method", "none") != "none":
        raise InvalidClient("The client's document must have token_endpoint_auth_method none.")
    if "client_name" not in document:
        raise InvalidClient("The client's document must have a client_name.")
    try:
        return _client(
            document,
            server,
            client_id=client_id,
            source="document",
            auth_method="none",
            now_ms=now_ms,
            expires_at=now_ms + lifetime_s * 1000,
        )
    except OAuthError as error:
        raise InvalidClient(f"The client's document is wrong: {error.message}") from error


def document_lifetime_s(cache_control: str) -> int:
    """How long a document is kept, in seconds, by its Cache-Control header, within our own bounds."""
    least, default, most = DOCUMENT_LIFETIME_S
    if _UNCACHED.search(cache_control):
        return least
    found = _MAX_AGE.search(cache_control)
    wanted = int(found.group(1)) if found else default
    return max(least, min(wanted, most))


def register(body: bytes, server: AuthorizationServer, *, now_ms: int) -> tuple[Client, str | None]:
    """A new client from a registration request (RFC 7591), and its secret if it wants one: shown once, stored hashed.

    Raises `OAuthError` invalid_client_metadata or invalid_redirect_uri.
    """
    document = _json_object(body) if len(body) <= MAX_REGISTRATION_BYTES else None
    if document is None:
        raise _bad(f"The registration must be a JSON object of at most {MAX_REGISTRATION_BYTES} bytes.")
    auth_method = document.get("token_endpoint_auth_method", "client_secret_basic")
    if auth_method not in AUTH_METHODS:
        raise _bad(f"token_endpoint_auth_method must be one of: {' '.join(AUTH_METHODS)}.")
    secret = None if auth_method == "none" else secrets.token_urlsafe(32)
    client = _client(
        document,
        server,
        client_id=f"client_{secrets.token_urlsafe(16)}",
        source="registration",
        auth_method=auth_method,
        secret_hash=None if secret is None else hashed(secret),
        now_ms=now_ms,
        expires_at=now_ms + REGISTRATION_LIFETIME_MS,
    )
    return client, secret


def registration_response(client: Client, secret: str | None) -> dict[str, JSON]:
    """What RFC 7591 (3.2.1) answers: all that was registered, as it was understood."""
    response: dict[str, JSON] = {
        "client_id": client.client_id,
        "client_id_issued_at": client.registered_at // 1000,
        "client_name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "grant_types": list(client.grant_types),
        "response_types": ["code"] if AUTHORIZATION_CODE in client.grant_types else [],
        "scope": " ".join(client.scope),
        "token_endpoint_auth_method": client.auth_method,
    }
    if secret is not None:
        response |= {"client_secret": secret, "client_secret_expires_at": (client.expires_at or 0) // 1000}
    if client.client_uri is not None:
        response["client_uri"] = client.client_uri
    return response


def problem_with_redirect_uri(uri: str) -> str | None:
    """Why a redirect URI cannot be registered; None: it can. https anywhere, http on loopback, an app's own scheme."""
    if len(uri) > MAX_URL or not _URI_TEXT.fullmatch(uri):
        return "is not a URI without a fragment"
    if _loopback_target(uri) is not None:
        return None
    if uri.startswith("https://"):
        try:
            parts = urlsplit(uri)
            well_formed = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        except ValueError:
            well_formed = False
        return None if well_formed else "is not a URL"
    scheme = _PRIVATE_SCHEME.fullmatch(uri)
    if scheme and ("." in scheme.group(1) or scheme.group(1) in EDITOR_SCHEMES):
        return None
    return "is neither https, nor http on loopback, nor of an app's own scheme such as com.example.app:/"


def _client(
    document: Mapping[str, JSON],
    server: AuthorizationServer,
    *,
    client_id: str,
    source: Literal["document", "registration"],
    auth_method: str,
    now_ms: int,
    expires_at: int,
    secret_hash: str | None = None,
) -> Client:
    grant_types = _grant_types(document)
    redirects = AUTHORIZATION_CODE in grant_types
    client_uri = document.get("client_uri")
    return Client(
        client_id=client_id,
        name=_name(document),
        source=source,
        redirect_uris=_redirect_uris(document) if redirects else (),
        grant_types=grant_types,
        scope=_scope(document, server),
        auth_method=auth_method,
        secret_hash=secret_hash,
        client_uri=client_uri if isinstance(client_uri, str) and problem_with_url(client_uri) is None else None,
        registered_at=now_ms,
        expires_at=expires_at,
    )


def _name(document: Mapping[str, JSON]) -> str:
    name = document.get("client_name", "a client without a name")
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > MAX_NAME:
        raise _bad(f"client_name must be a printable text of at most {MAX_NAME} characters.")
    return name.strip()


def _grant_types(document: Mapping[str, JSON]) -> tuple[str, ...]:
    """Those asked for that clients can have here: RFC 7591 lets a server leave out what it does not offer."""
    asked = _texts(document, "grant_types", [AUTHORIZATION_CODE])
    granted = tuple(grant for grant in CLIENT_GRANTS if grant in asked)
    if not granted or granted == (REFRESH_TOKEN,):
        raise _bad(f"grant_types must have {AUTHORIZATION_CODE} or {DEVICE_CODE}.")
    if AUTHORIZATION_CODE in granted and "code" not in _texts(document, "response_types", ["code"]):
        raise _bad("response_types must have code.")
    return granted


def _redirect_uris(document: Mapping[str, JSON]) -> tuple[str, ...]:
    uris = _texts(document, "redirect_uris", [])
    if not 1 <= len(uris) <= MAX_REDIRECT_URIS:
        raise _bad(f"There must be 1 to {MAX_REDIRECT_URIS} redirect_uris.", "invalid_redirect_uri")
    for uri in uris:
        if (problem := problem_with_redirect_uri(uri)) is not None:
            raise _bad(f"A redirect URI {problem}.", "invalid_redirect_uri")
    return tuple(uris)


def _scope(document: Mapping[str, JSON], server: AuthorizationServer) -> tuple[str, ...]:
    if "scope" not in document:
        return server.scopes
    asked = document["scope"]
    granted = tuple(scope for scope in server.scopes if isinstance(asked, str) and scope in asked.split(" "))
    if not granted:
        raise _bad(f"scope must have at least one of: {' '.join(server.scopes)}.")
    return granted


def _texts(document: Mapping[str, JSON], name: str, default: list[str]) -> list[str]:
    texts = document.get(name, default)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _bad(f"{name} must be a list of texts.")
    return texts


def _json_object(body: bytes) -> dict[str, JSON] | None:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _loopback_target(uri: str) -> tuple[str, str] | None:
    """Host and rest of a loopback URI, without its port."""
    found = _LOOPBACK.fullmatch(uri)
    if found is None or int(found.group(2) or 80) not in range(1, 65_536):
        return None
    return found.group(1), found.group(3)


def _bad(description: str, error: ErrorCode = "invalid_client_metadata") -> OAuthError:
    return OAuthError(error, description)
