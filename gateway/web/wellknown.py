"""The public documents by which clients find out about this gateway: RFC 9728 metadata and the signing keys."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.identity.keys import KeyRing
from gateway.model import JSON
from gateway.web.operations import json_response

PROTECTED_RESOURCE = "/.well-known/oauth-protected-resource"
JWKS = "/.well-known/jwks.json"
METADATA_SECONDS = 3600
JWKS_SECONDS = 300
"""Short: until it is over, a verifier elsewhere may still trust a key that an emergency rotation has ended."""


def metadata_url(resource: str) -> str:
    """Where the metadata of a resource is: the well-known part goes between its host and its path (RFC 9728, 3.1)."""
    parts = urlsplit(resource)
    return urlunsplit((parts.scheme, parts.netloc, PROTECTED_RESOURCE + parts.path, "", ""))


def protected_resource(*, resource: str, issuer: str, scopes: Sequence[str]) -> dict[str, JSON]:
    """The RFC 9728 document of `/mcp`: `resource` is its public URL, `issuer` who issues tokens for it."""
    return {
        "resource": resource,
        "authorization_servers": [issuer],
        "scopes_supported": list(scopes),
        "bearer_methods_supported": ["header"],
        "resource_name": "MCP code gateway",
    }


def routes(*, resource: str, issuer: str, scopes: Sequence[str], ring: KeyRing) -> list[BaseRoute]:
    """Both documents, cacheable. CORS is the guard's: it lets every page read what is under `/.well-known`."""
    metadata = protected_resource(resource=resource, issuer=issuer, scopes=scopes)

    async def show_metadata(request: Request) -> Response:
        return _cacheable(metadata, METADATA_SECONDS)

    async def show_keys(request: Request) -> Response:
        return _cacheable(ring.public_jwks(), JWKS_SECONDS)

    return [Route(urlsplit(metadata_url(resource)).path, show_metadata), Route(JWKS, show_keys)]


def _cacheable(document: JSON, seconds: int) -> Response:
    return json_response(document, headers={"Cache-Control": f"public, max-age={seconds}"})
