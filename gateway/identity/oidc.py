"""The gateway as a client of an OpenID provider: discovery, the code flow with PKCE, and what its ID token says. No
I/O. (OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; Discovery 1.0; RFC 9207.)
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson

from gateway.config import OidcSettings
from gateway.errors import Unauthenticated
from gateway.identity import assertions
from gateway.identity.assertions import Jwks
from gateway.identity.grants import challenge_of
from gateway.identity.keys import same_secret
from gateway.identity.people import Person, SignInAttempt, person_of_claims
from gateway.model import JSON

MAX_DOCUMENT_BYTES = 256 * 1024
_CHECK = "Check gateway.oidc, and what the provider knows of this gateway."


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What an issuer says of itself. Machines' issuers often have keys alone."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    post_secret: bool = False
    """Whether it takes a client's secret in the form only."""


@dataclass(frozen=True, slots=True)
class TokenCall:
    """A request to the provider's token endpoint."""

    url: str
    form: Mapping[str, str]
    headers: Mapping[str, str]


def discovery_url(issuer: str) -> str:
    """Where an issuer's document is (Discovery 1.0, 4)."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def origin(url: str) -> str:
    """Scheme, host and port: what the operator vouches for by naming an issuer."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def provider(issuer: str, document: bytes) -> Provider:
    """What the document says. Raises `Unauthenticated` for one of another issuer, or with endpoints in the clear."""
    found = _json_object(document)
    if found.get("issuer") != issuer:
        raise Unauthenticated(f"The document of {issuer} is not its own.", fix="Write the issuer exactly as it does.")
    methods = found.get("token_endpoint_auth_methods_supported")
    return Provider(
        issuer=issuer,
        jwks_uri=_endpoint(found, "jwks_uri", issuer),
        authorization_endpoint=_endpoint(found, "authorization_endpoint", issuer),
        token_endpoint=_endpoint(found, "token_endpoint", issuer),
        post_secret=isinstance(methods, list) and "client_secret_basic" not in methods,
    )


def authorization_url(
    at: Provider, settings: OidcSettings, attempt: SignInAttempt, *, state: str, redirect_uri: str
) -> str:
    """Where to send the browser. Raises `Unauthenticated` when the provider signs nobody in."""
    if not at.authorization_endpoint or not at.token_endpoint:
        raise Unauthenticated("The provider has no endpoints to sign in at.", fix=_CHECK)
    asked = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(dict.fromkeys(("openid", *settings.scopes))),
        "state": state,
        "nonce": attempt.nonce,
        "code_challenge": challenge_of(attempt.code_verifier),
        "code_challenge_method": "S256",
    }
    return f"{at.authorization_endpoint}{'&' if '?' in at.authorization_endpoint else '?'}{urlencode(asked)}"


def code_of(given: Mapping[str, str], at: Provider) -> str:
    """The code of the provider's answer. Raises `Unauthenticated` for a refusal, and for another issuer's answer."""
    if given.get("iss", at.issuer) != at.issuer:
        raise Unauthenticated("The answer is another provider's.", fix="Start again.")
    if "code" not in given:
        said = given.get("error_description") or given.get("error") or "it sent no code"
        raise Unauthenticated(f"The provider did not sign you in: {said[:200]}", fix="Start again.")
    return given["code"]


def token_call(
    at: Provider, settings: OidcSettings, attempt: SignInAttempt, *, code: str, redirect_uri: str
) -> TokenCall:
    """The request that turns the code into an ID token, the client authenticated as the provider takes it."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": attempt.code_verifier,
    }
    secret = settings.client_secret
    if secret is None:
        return TokenCall(at.token_endpoint, {**form, "client_id": settings.client_id}, {})
    if at.post_secret:
        return TokenCall(at.token_endpoint, {**form, "client_id": settings.client_id, "client_secret": secret}, {})
    basic = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}".encode()
    return TokenCall(at.token_endpoint, form, {"Authorization": f"Basic {base64.b64encode(basic).decode()}"})


def id_token_of(body: bytes) -> str:
    """The ID token in the token endpoint's answer. Raises `Unauthenticated` when there is none."""
    answer = _json_object(body)
    token = answer.get("id_token")
    if not isinstance(token, str):
        raise Unauthenticated(f"The provider sent no ID token: {str(answer.get('error', ''))[:100]}", fix=_CHECK)
    return token


def signed_in(id_token: str, jwks: Jwks, settings: OidcSettings, attempt: SignInAttempt, *, now_ms: int) -> Person:
    """The person that the ID token names (Core 1.0, 3.1.3.7). Raises `Unauthenticated`, `UnknownKey`."""
    audience = settings.audience or settings.client_id
    claims = assertions.verify(
        id_token,
        jwks,
        issuer=settings.issuer,
        audience=audience,
        algorithms=settings.algorithms,
        now_s=now_ms // 1000,
    )
    if not same_secret(str(claims.get("nonce", "")), attempt.nonce):
        raise Unauthenticated("The provider's token is not of this sign-in.", fix="Start again.")
    several = isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1
    if claims.get("azp", "" if several else settings.client_id) != settings.client_id:
        raise Unauthenticated("The provider's token is for another client.", fix=_CHECK)
    return person_of_claims(claims, settings, now_ms=now_ms)


def _endpoint(document: Mapping[str, JSON], name: str, issuer: str) -> str:
    """https, or on the issuer's own origin. Absent: empty, except for the keys."""
    url = document.get(name, "")
    if not isinstance(url, str) or (not url and name == "jwks_uri"):
        raise Unauthenticated(f"The document of {issuer} has no {name}.", fix=_CHECK)
    if url and not url.startswith("https://") and origin(url) != origin(issuer):
        raise Unauthenticated(f"The {name} of {issuer} is not an https URL.", fix=_CHECK)
    return url


def _json_object(body: bytes) -> Mapping[str, JSON]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    return document if isinstance(document, dict) else {}
