"""Codes, refresh tokens and device codes: redeemed once, by their client, in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.errors import StoreCorrupt
from gateway.identity.authorize import (
    device_request,
    device_response,
)
from gateway.identity.clients import Client
from gateway.identity.grants import (
    CODE_LIFETIME_MS,
    DEVICE_LIFETIME_MS,
    POLL_INTERVAL_MS,
    REFRESH_LIFETIME_MS,
    AuthorizationCode,
    DeviceCode,
    RefreshToken,
    ReusedGrant,
    challenge_of,
    decide_device_code,
    hashed,
    issue_code,
    issue_device_code,
    issue_refresh_token,
    poll_device_code,
    redeem_code,
    redeem_refresh_token,
    user_code_hash,
)
from gateway.identity.oauth import OAuthError
from gateway.identity.records import dumps, loads
from tests.identity.oauth_parts import CHALLENGE, CLIENT, CONSENT, NOW_MS, REDIRECT, SERVER, VERIFIER, client, error_of

# --- codes ----------------------------------------------------------------------------------------------------------


def redeem(
    code: AuthorizationCode | None,
    client_id: str = "client_1",
    redirect_uri: str | None = REDIRECT,
    verifier: str = VERIFIER,
    now_ms: int = NOW_MS,
) -> AuthorizationCode:
    return redeem_code(code, client_id=client_id, redirect_uri=redirect_uri, code_verifier=verifier, now_ms=now_ms)


@pytest.fixture
def code() -> AuthorizationCode:
    return issue_code(CONSENT, redirect_uri=REDIRECT, code_challenge=CHALLENGE, now_ms=NOW_MS)[1]


def test_a_code_is_redeemed_once_and_only_its_hash_is_kept() -> None:
    secret, code = issue_code(CONSENT, redirect_uri=REDIRECT, code_challenge=CHALLENGE, now_ms=NOW_MS)
    assert code.hash == hashed(secret)
    assert secret.encode() not in dumps(code)
    used = redeem(code)
    assert used == replace(code, used=True)
    with pytest.raises(ReusedGrant) as reused:
        redeem(used)
    assert reused.value.family == "family_1"
    assert reused.value.body()["error"] == "invalid_grant"


def test_oauth_2_1_needs_no_redirect_uri_at_the_token_endpoint(code: AuthorizationCode) -> None:
    assert redeem(code, redirect_uri=None).used


def test_pkce_is_that_of_the_rfc() -> None:
    assert challenge_of(VERIFIER) == CHALLENGE


@pytest.mark.parametrize(
    "wrong",
    [
        lambda code: redeem(None),
        lambda code: redeem(code, client_id="client_2"),
        lambda code: redeem(replace(code, used=True), client_id="client_2"),
        lambda code: redeem(code, redirect_uri="https://app.example/other"),
        lambda code: redeem(code, verifier=VERIFIER[:-1] + "A"),
        lambda code: redeem(code, verifier=CHALLENGE),
        lambda code: redeem(code, now_ms=NOW_MS + CODE_LIFETIME_MS),
    ],
)
def test_a_code_is_worth_nothing_to_others_or_later(
    code: AuthorizationCode, wrong: Callable[[AuthorizationCode], object]
) -> None:
    with pytest.raises(OAuthError) as refused:
        wrong(code)
    assert refused.value.error == "invalid_grant"
    assert not isinstance(refused.value, ReusedGrant)


# --- refresh tokens -----------------------------------------------------------------------------------------------


def test_refresh_tokens_rotate_and_a_second_use_names_the_family() -> None:
    secret, first = issue_refresh_token(CONSENT, now_ms=NOW_MS)
    assert first.hash == hashed(secret)
    used = redeem_refresh_token(first, client_id="client_1", now_ms=NOW_MS)
    _, second = issue_refresh_token(used.consent, now_ms=NOW_MS)
    assert second.hash != first.hash
    assert not second.used
    with pytest.raises(ReusedGrant) as reused:
        redeem_refresh_token(used, client_id="client_1", now_ms=NOW_MS)
    assert reused.value.family == second.consent.family


def test_a_refresh_token_ends_unused_or_with_its_consent() -> None:
    _, token = issue_refresh_token(CONSENT, now_ms=NOW_MS)
    assert token.expires_at == NOW_MS + REFRESH_LIFETIME_MS
    _, last = issue_refresh_token(CONSENT, now_ms=CONSENT.ends_at - 1000)
    assert last.expires_at == CONSENT.ends_at
    for wrong in (
        lambda: redeem_refresh_token(token, client_id="client_1", now_ms=token.expires_at),
        lambda: redeem_refresh_token(token, client_id="client_2", now_ms=NOW_MS),
        lambda: redeem_refresh_token(None, client_id="client_1", now_ms=NOW_MS),
    ):
        assert error_of(wrong) == "invalid_grant"


# --- devices --------------------------------------------------------------------------------------------------------


@pytest.fixture
def device() -> DeviceCode:
    return issue_device_code(client_id="client_1", scope=("mcp",), resource=SERVER.resource, now_ms=NOW_MS)[2]


def poll(code: DeviceCode | None, now_ms: int = NOW_MS, client_id: str = "client_1") -> tuple[DeviceCode | None, str]:
    record, error = poll_device_code(code, client_id=client_id, now_ms=now_ms)
    return record, "" if error is None else error.error


def test_a_person_types_the_code_as_people_do() -> None:
    device_code, user_code, device = issue_device_code(
        client_id="client_1", scope=("mcp",), resource=SERVER.resource, now_ms=NOW_MS
    )
    assert device.hash == hashed(device_code)
    assert device.user_code_hash == user_code_hash(user_code)
    assert user_code_hash(f" {user_code.lower().replace('-', ' ')}\n") == device.user_code_hash
    assert [user_code_hash(typed) for typed in ("", "BCDF", user_code + "B", "AEIO-AEIO")] == [None] * 4
    assert device_response(device_code, user_code, "https://gw.example/oauth/device") == {
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": "https://gw.example/oauth/device",
        "verification_uri_complete": f"https://gw.example/oauth/device?user_code={user_code}",
        "expires_in": 900,
        "interval": 5,
    }


def test_a_device_waits_and_gets_its_token_once(device: DeviceCode) -> None:
    waiting, error = poll(device)
    assert error == "authorization_pending"
    approved = decide_device_code(waiting, CONSENT, now_ms=NOW_MS)
    used, error = poll(approved, NOW_MS + POLL_INTERVAL_MS)
    assert used is not None
    assert (error, used.consent, used.state) == ("", CONSENT, "used")
    assert poll(used, NOW_MS + 2 * POLL_INTERVAL_MS)[1] == "invalid_grant"


def test_a_device_that_polls_too_often_is_slowed_down(device: DeviceCode) -> None:
    record, _ = poll(device)
    record, error = poll(record, NOW_MS + POLL_INTERVAL_MS - 1)
    assert error == "slow_down"
    assert record is not None
    assert record.interval_ms == 2 * POLL_INTERVAL_MS
    assert poll(record, NOW_MS + 2 * POLL_INTERVAL_MS)[1] == "slow_down"
    assert poll(record, NOW_MS + 3 * POLL_INTERVAL_MS)[1] == "authorization_pending"


def test_a_refused_expired_or_foreign_device_code_is_told_apart(device: DeviceCode) -> None:
    assert poll(decide_device_code(device, None, now_ms=NOW_MS))[1] == "access_denied"
    assert poll(device, NOW_MS + DEVICE_LIFETIME_MS)[1] == "expired_token"
    assert poll(device, client_id="client_2")[1] == "invalid_grant"
    assert poll(None)[1] == "invalid_grant"


def test_a_person_answers_a_device_once_and_in_time(device: DeviceCode) -> None:
    denied = decide_device_code(device, None, now_ms=NOW_MS)
    for wrong in (
        lambda: decide_device_code(denied, CONSENT, now_ms=NOW_MS),
        lambda: decide_device_code(device, CONSENT, now_ms=NOW_MS + DEVICE_LIFETIME_MS),
        lambda: decide_device_code(None, CONSENT, now_ms=NOW_MS),
    ):
        assert error_of(wrong) == "invalid_grant"


def test_device_requests_are_checked_as_others_are() -> None:
    assert device_request({"scope": "mcp"}, CLIENT, SERVER) == (("mcp",), SERVER.resource)
    assert error_of(lambda: device_request({"scope": "admin"}, CLIENT, SERVER)) == "invalid_scope"
    assert error_of(lambda: device_request({"resource": "https://x.example"}, CLIENT, SERVER)) == "invalid_target"
    plain = client(grant_types=("authorization_code",))
    assert error_of(lambda: device_request({}, plain, SERVER)) == "unauthorized_client"


# --- records and metadata ---------------------------------------------------------------------------------------------


def test_every_record_survives_the_store() -> None:
    _, code = issue_code(CONSENT, redirect_uri=REDIRECT, code_challenge=CHALLENGE, now_ms=NOW_MS)
    _, refresh = issue_refresh_token(CONSENT, now_ms=NOW_MS)
    _, _, device = issue_device_code(client_id="client_1", scope=("mcp",), resource=SERVER.resource, now_ms=NOW_MS)
    approved = decide_device_code(device, CONSENT, now_ms=NOW_MS)
    assert loads(AuthorizationCode, dumps(code)) == code
    assert loads(RefreshToken, dumps(refresh)) == refresh
    assert [loads(DeviceCode, dumps(record)) for record in (device, approved)] == [device, approved]
    assert loads(Client, dumps(CLIENT)) == CLIENT


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"hash": 1}', dumps(CLIENT), b"\xff"])
def test_a_broken_record_is_said_to_be_one(raw: bytes) -> None:
    with pytest.raises(StoreCorrupt, match="RefreshToken"):
        loads(RefreshToken, raw)


def test_a_record_with_a_field_of_another_type_is_broken() -> None:
    _, refresh = issue_refresh_token(CONSENT, now_ms=NOW_MS)
    with pytest.raises(StoreCorrupt):
        loads(RefreshToken, dumps(refresh).replace(b'"used":false', b'"used":"no"'))
