"""Machines that bring a token of their own issuer, a cluster's or a CI's, and get one of an agent (RFC 8693)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.config import ExchangeConfig
from gateway.config.globs import argument_glob
from gateway.engine.arguments import Call, Unclear
from gateway.errors import Unauthenticated
from gateway.identity import assertions
from gateway.identity.assertions import Jwks
from gateway.identity.oauth import OAuthError
from gateway.model import JSON
from gateway.service.issuers import keys_in_file
from gateway.service.oauth import OAuthFloor


class Exchange:
    def __init__(self, floor: OAuthFloor) -> None:
        self._floor = floor

    async def rule_for(self, subject_token: str) -> tuple[ExchangeConfig, str]:
        """The first rule of the configuration that the token fits, and the token's subject.

        Raises `OAuthError` (8693 section 2.2.2 wants invalid_request) for one that fits none, `UpstreamError` when
        its issuer's keys cannot be had."""
        issuer = assertions.unverified_issuer(subject_token)
        why = "is of an issuer that is not trusted here"
        for rule in self._floor.settings.exchange:
            if rule.issuer != issuer:
                continue
            try:
                claims = await self._verified(subject_token, rule)
            except Unauthenticated as error:
                why = error.message.removeprefix("The token ").rstrip(".")
                continue
            if all(_fits(claims, name, globs) for name, globs in rule.claims.items()):
                return rule, str(claims.get("sub", ""))
            why = "has claims that no rule of the configuration fits"
        raise OAuthError("invalid_request", f"The subject_token {why}.")

    async def _verified(self, subject_token: str, rule: ExchangeConfig) -> Mapping[str, JSON]:
        def verify(jwks: Jwks) -> Mapping[str, JSON]:
            now_s = self._floor.clock() // 1000
            return assertions.verify(subject_token, jwks, issuer=rule.issuer, audience=rule.audience, now_s=now_s)

        if rule.jwks is not None:
            return verify(await keys_in_file(rule.jwks))
        return await self._floor.issuers.with_keys(rule.issuer, verify)


def _fits(claims: Mapping[str, JSON], name: str, globs: Iterable[str]) -> bool:
    value = Call(claims).value(name)
    try:
        elements = value.elements() if value is not None else ()
    except Unclear:
        return False
    return any(argument_glob(glob).fits(text) for text in elements if isinstance(text, str) for glob in globs)
