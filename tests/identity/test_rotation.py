"""Rotation of the gateway's keys, with two replicas that share a store and the folder of keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.config import GatewaySettings
from gateway.engine.record import Filter
from gateway.errors import ConfigError
from gateway.identity.keychain import KeyChain
from gateway.model import RunStatus
from tests.live import Live, live

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENTS = {"agents": {"tester": {"owner": "test@example.com"}}}


@asynccontextmanager
async def replica(folder: Path, **settings: Any) -> AsyncIterator[Live]:
    folder.mkdir(exist_ok=True)
    shared = {"public_url": "http://gateway.test", "pool_size": 1, **settings}
    async with live(folder, {**AGENTS, "gateway": shared}) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replicas(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Live, Live]]:
    folder = tmp_path_factory.mktemp("replicas")
    keyring = {"folder": str(folder / "keys")}
    async with replica(folder / "a", keyring=keyring) as one:
        assert one.services.embedded is not None
        async with replica(folder / "b", keyring=keyring, redis_url=one.services.embedded.url) as other:
            yield one, other


async def ask(gateway: Live, method: str, path: str, body: Any = None, bearer: str | None = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {bearer or gateway.services.admin_key}"}
    async with gateway.http.request(method, f"{gateway.url}/api/v1{path}", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def published(gateway: Live) -> list[str]:
    async with gateway.http.get(f"{gateway.url}/.well-known/jwks.json") as answer:
        return [key["kid"] for key in (await answer.json())["keys"]]


async def test_after_a_rotation_tokens_of_both_keys_are_good_on_every_replica(replicas: tuple[Live, Live]) -> None:
    one, other = replicas
    before = await one.token()
    status, done = await ask(one, "POST", "/keys/rotate", {})
    assert (status, done["revoked"], done["runs_stopped"]) == (200, [], 0)
    after = await one.token()
    for gateway in (other, one):
        # The other replica is not given the time to look by itself: the new key's token makes it.
        for bearer in (after, before):
            assert (await ask(gateway, "GET", "/runs", bearer=bearer))[0] == 200
        assert (await published(gateway))[0] == done["kid"]
    _, listed = await ask(other, "GET", "/keys")
    signing, former, checkpoints = listed
    assert (signing["kid"], signing["state"], signing["until"]) == (done["kid"], "signing", None)
    assert (former["purpose"], former["state"]) == ("tokens", "accepted") and former["until"]
    assert (checkpoints["purpose"], checkpoints["state"]) == ("checkpoints", "signing")


async def test_an_emergency_ends_all_tokens_and_their_runs_everywhere(replicas: tuple[Live, Live]) -> None:
    one, other = replicas
    bearers = [await one.token(), await other.token()]
    runs = [
        (await ask(gateway, "POST", "/runs", {"code": code, "wait_seconds": wait}, bearer=bearer))[1]["run_id"]
        for gateway, bearer, code, wait in (
            (one, bearers[0], "while (true) {}", 0),
            (other, bearers[1], "await waitFor('never')", 10),
        )
    ]
    _, done = await ask(one, "POST", "/keys/rotate", {"emergency": True})
    assert done["runs_stopped"] >= 2 and len(done["revoked"]) >= 2
    for gateway in replicas:
        for bearer in bearers:
            assert (await ask(gateway, "GET", "/runs", bearer=bearer))[0] == 401
        assert (await ask(gateway, "GET", "/runs", bearer=await one.token()))[0] == 200
        assert await published(gateway) == [done["kid"]]
    for run_id in runs:
        assert (await ask(other, "GET", f"/runs/{run_id}"))[1]["status"] == RunStatus.REVOKED
    assert await one.services.floor.liveness.is_alive(["agent:default/tester"]), "the agents have done nothing"
    record = (await one.services.audit.latest(Filter(event="keys.rotated"), limit=1)).records[0]
    assert (record["purpose"], record["emergency"]) == ("tokens", True)


async def test_checkpoint_keys_rotate_and_the_record_still_verifies(replicas: tuple[Live, Live]) -> None:
    one, other = replicas
    await one.services.audit.checkpoint()
    assert (await ask(one, "POST", "/keys/rotate", {"purpose": "checkpoints"}))[0] == 200
    await one.services.audit.checkpoint()
    assert (await other.services.audit.verify())["ok"]
    status, told = await ask(one, "POST", "/keys/rotate", {"purpose": "checkpoints", "emergency": True})
    assert (status, "provable" in told["error"]["message"]) == (409, True)


def private_pem() -> str:
    made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.decode()


async def test_keys_from_the_configuration_are_used_and_not_rotated(tmp_path: Path) -> None:
    keyring = {"tokens": private_pem(), "audit": "A" * 43, "admin": "gwa_" + "x" * 43}
    async with replica(tmp_path / "one", keyring=keyring) as gateway:
        assert gateway.services.admin_key == "gwa_" + "x" * 43
        _, listed = await ask(gateway, "GET", "/keys")
        assert listed[0]["source"] == "gateway.keyring.tokens"
        status, told = await ask(gateway, "POST", "/keys/rotate", {"emergency": True})
        assert (status, "configuration" in told["error"]["message"]) == (409, True)
        assert (await ask(gateway, "GET", "/runs", bearer=await gateway.token()))[0] == 200
    names = {path.name for path in (tmp_path / "one" / "data" / "keys").iterdir()}
    assert names == {"checkpoints.pem", "credentials.key"}


@pytest.mark.parametrize("name", ["tokens", "checkpoints", "audit", "credentials", "admin"])
async def test_a_key_that_is_none_is_named_and_not_quoted(tmp_path: Path, name: str) -> None:
    settings = GatewaySettings.model_validate({"data_dir": tmp_path, "keyring": {name: "s3cr3t"}})
    with pytest.raises(ConfigError, match=f"gateway.keyring.{name}") as refused:
        KeyChain.load(settings)
    assert "s3cr3t" not in str(refused.value) + repr(settings)
