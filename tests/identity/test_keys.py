"""Key files: made once, private, and refused with a reason when they are not."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.errors import ConfigError, Conflict
from gateway.identity.keys import (
    CHECKPOINTS,
    KeyRing,
    admin_key,
    encryption_key,
    encryption_key_from_text,
    same_secret,
)

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
PLAIN = serialization.NoEncryption()

LOADERS: dict[str, Callable[[Path], object]] = {
    "tokens.pem": lambda data_dir: KeyRing.load_or_create(data_dir / "keys").kid,
    "checkpoints.pem": lambda data_dir: KeyRing.load_or_create(data_dir / "keys", CHECKPOINTS).kid,
    "admin.key": lambda data_dir: admin_key(data_dir / "keys"),
    "credentials.key": lambda data_dir: encryption_key(data_dir / "keys"),
}


NOW = 1_900_000_000
UNTIL = NOW + 3_600


def rotate(ring: KeyRing, *, emergency: bool = False) -> None:
    ring.rotate(now_s=NOW, until_s=UNTIL, emergency=emergency)


def private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None) -> str:
    return (key or ec.generate_private_key(ec.SECP256R1())).private_bytes(PEM, PKCS8, PLAIN).decode()


@pytest.mark.parametrize("name", LOADERS)
def test_a_key_is_made_once_private_and_found_again(tmp_path: Path, name: str) -> None:
    data_dir = tmp_path / "not" / "there"
    first = LOADERS[name](data_dir)
    assert LOADERS[name](data_dir) == first
    assert stat.S_IMODE((data_dir / "keys").stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "keys" / name).stat().st_mode) == 0o600
    assert os.listdir(data_dir / "keys") == [name]


def test_a_lax_umask_does_not_open_the_files(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        admin_key(tmp_path / "keys")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys" / "admin.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    LOADERS[name](tmp_path)
    (tmp_path / "keys" / name).chmod(mode)
    with pytest.raises(ConfigError, match=f"{name} holds secrets.*mode {mode:04o}.*chmod 600"):
        LOADERS[name](tmp_path)


@pytest.mark.parametrize("name", LOADERS)
def test_a_folder_that_others_may_use_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(ConfigError, match=r"keys holds secrets.*chmod 700"):
        LOADERS[name](tmp_path)


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"not a key", b"-----BEGIN PRIVATE KEY-----\nMIGH"])
def test_a_broken_file_is_named_and_left_alone(tmp_path: Path, name: str, content: bytes) -> None:
    LOADERS[name](tmp_path)
    path = tmp_path / "keys" / name
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=name):
        LOADERS[name](tmp_path)
    assert path.read_bytes() == content


def test_a_file_system_that_refuses_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be used: .*gateway\.data_dir"):
        KeyRing.load_or_create(tmp_path / "file" / "keys")
    (tmp_path / "keys" / "admin.key").mkdir(parents=True)
    (tmp_path / "keys").chmod(0o700)
    with pytest.raises(ConfigError, match="Is a directory"):
        admin_key(tmp_path / "keys")


def test_racing_processes_and_threads_agree_on_one_key(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from gateway.identity.keys import KeyRing, admin_key\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "sys.stdin.readline()\n"
        "print(KeyRing.load_or_create(folder).kid, admin_key(folder))"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "keys")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    with ThreadPoolExecutor(8) as threads:
        kids = list(threads.map(lambda _: KeyRing.load_or_create(tmp_path / "keys").kid, range(16)))
    said = {racer.communicate()[0].strip() for racer in racers}
    assert said == {f"{kids[0]} {admin_key(tmp_path / 'keys')}"}
    assert len(set(kids)) == 1
    assert sorted(os.listdir(tmp_path / "keys")) == ["admin.key", "tokens.pem"]


# --- rings --------------------------------------------------------------------------------------------------------


def test_the_jwk_set_is_public_and_its_ids_are_thumbprints(tmp_path: Path) -> None:
    ring = KeyRing.load_or_create(tmp_path / "keys")
    rotate(ring)
    published = ring.public_jwks()["keys"]
    assert published[0]["kid"] == ring.kid
    assert len(published) == 2
    for key in published:
        assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        required = json.dumps({name: key[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        assert key["kid"] == base64.urlsafe_b64encode(hashlib.sha256(required.encode()).digest()).decode().rstrip("=")


def test_rotation_is_on_disk_and_forgets_former_private_keys(tmp_path: Path) -> None:
    ring = KeyRing.load_or_create(tmp_path / "keys")
    path = tmp_path / "keys" / "tokens.pem"
    first, first_text = ring.kid, path.read_text()
    rotate(ring)
    assert ring.kid != first
    assert ring.verifying_key(first) is not None
    assert path.read_text().count("PRIVATE KEY") == 2  # one block: BEGIN and END
    assert first_text not in path.read_text()
    again = KeyRing.load_or_create(tmp_path / "keys")
    assert again.public_jwks() == ring.public_jwks()
    again.rotate(now_s=UNTIL, until_s=UNTIL)
    assert again.verifying_key(first) is None
    rotate(again, emergency=True)
    assert [key["kid"] for key in again.public_jwks()["keys"]] == [again.kid]


def test_a_ring_that_rotates_on_stale_knowledge_does_not_lose_the_key_in_use(tmp_path: Path) -> None:
    one, other = KeyRing.load_or_create(tmp_path / "keys"), KeyRing.load_or_create(tmp_path / "keys")
    rotate(one)
    rotate(other)
    assert other.verifying_key(one.kid) is not None


def test_a_rotation_is_taken_over_from_the_file_that_replicas_share(tmp_path: Path) -> None:
    one, other = KeyRing.load_or_create(tmp_path / "keys"), KeyRing.load_or_create(tmp_path / "keys")
    first = one.kid
    assert not other.refresh()
    rotate(one)
    assert other.verifying_key(one.kid) is not None, "a token by the new key may come before anybody has looked"
    assert (other.kid, list(other.accepted)) == (one.kid, [one.kid, first])
    assert other.accepted[first].until == UNTIL
    rotate(one, emergency=True)
    assert other.refresh()
    assert list(other.accepted) == [one.kid]
    (tmp_path / "keys" / "tokens.pem").write_bytes(b"broken")
    with pytest.raises(ConfigError, match=r"tokens\.pem"):
        other.refresh()
    assert list(other.accepted) == [one.kid]


def test_checkpoint_keys_are_separate_and_never_forgotten(tmp_path: Path) -> None:
    ring = KeyRing.load_or_create(tmp_path / "keys", CHECKPOINTS)
    assert ring.kid != KeyRing.load_or_create(tmp_path / "keys").kid
    first, signature = ring.kid, ring.sign(b"checkpoint 1")
    for _ in range(3):
        rotate(ring)
    with pytest.raises(Conflict, match="provable"):
        rotate(ring, emergency=True)
    kept = KeyRing.load_or_create(tmp_path / "keys", CHECKPOINTS)
    assert kept.is_signed(first, b"checkpoint 1", signature)
    assert not kept.is_signed(first, b"checkpoint 2", signature)
    assert not kept.is_signed(kept.kid, b"checkpoint 1", signature)
    assert not kept.is_signed("nobody", b"checkpoint 1", signature)
    assert not kept.is_signed(first, b"checkpoint 1", b"")


def test_a_ring_from_the_environment(tmp_path: Path) -> None:
    former = ec.generate_private_key(ec.SECP256R1())
    text = private_pem() + former.public_key().public_bytes(PEM, SPKI).decode()
    ring = KeyRing.from_text(text, "GATEWAY_SIGNING_KEYS")
    assert len(ring.public_jwks()["keys"]) == 2
    assert KeyRing.from_text(text.replace("\n", "\\n"), "GATEWAY_SIGNING_KEYS").kid == ring.kid
    with_former_private = KeyRing.from_text(private_pem() + private_pem(former), "GATEWAY_SIGNING_KEYS")
    assert with_former_private.public_jwks()["keys"][1] == ring.public_jwks()["keys"][1]
    with pytest.raises(Conflict, match="configuration"):
        rotate(ring)


BAD_RINGS: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "prose": lambda: "s3cr3t",
    "public key first": lambda: ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(PEM, SPKI).decode(),
    "RSA": lambda: private_pem(rsa.generate_private_key(65537, 2048)),
    "P-384": lambda: private_pem(ec.generate_private_key(ec.SECP384R1())),
    "secp256k1": lambda: private_pem(ec.generate_private_key(ec.SECP256K1())),
    "encrypted": lambda: (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"pw"))
        .decode()
    ),
    "a block of parameters": lambda: "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
    "damaged": lambda: private_pem().replace("M", "N", 1),
    "text behind": lambda: private_pem() + "s3cr3t",
    "not ASCII": lambda: private_pem().replace("A", "Ā", 1),
}


@pytest.mark.parametrize("name", BAD_RINGS)
def test_a_bad_ring_is_explained_without_quoting_it(name: str) -> None:
    text = BAD_RINGS[name]()
    with pytest.raises(ConfigError) as refused:
        KeyRing.from_text(text, "GATEWAY_SIGNING_KEYS")
    told = str(refused.value)
    assert told.startswith("GATEWAY_SIGNING_KEYS ")
    assert "s3cr3t" not in told
    assert not [line for line in text.splitlines() if len(line) > 30 and line in told]
    assert refused.value.__cause__ is None


# --- secrets ------------------------------------------------------------------------------------------------------


def test_the_admin_key_is_not_made_by_who_only_wants_to_read_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no admin key at .*gateway serve"):
        admin_key(tmp_path / "keys", create=False)
    assert not (tmp_path / "keys").exists()
    key = admin_key(tmp_path / "keys")
    assert admin_key(tmp_path / "keys", create=False) == key
    assert key.startswith("gwa_")


def test_secrets_are_compared_as_text_of_any_kind() -> None:
    assert same_secret("gwa_x", "gwa_x")
    assert not same_secret("gwa_x", "gwa_y")
    assert not same_secret("gwa_", "gwa_y")
    assert not same_secret("gwa_é", "gwa_y")


@pytest.mark.parametrize("text", ["", "short", "A" * 42, "A" * 44, "*" * 43, "A" * 42 + "é", "A" * 42 + "\n="])
def test_a_wrong_encryption_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^GATEWAY_KEY is not an encryption key"):
        encryption_key_from_text(text, "GATEWAY_KEY")


def test_an_encryption_key_from_text_is_32_bytes(tmp_path: Path) -> None:
    for text in (" " + "A" * 43 + "\n", "A" * 43 + "="):
        assert encryption_key_from_text(text, "GATEWAY_KEY") == bytes(32)
    for text in ("-_" * 21 + "8", "+/" * 21 + "8="):
        assert encryption_key_from_text(text, "GATEWAY_KEY")[:3] == b"\xfb\xff\xbf"
    assert encryption_key(tmp_path / "keys") != encryption_key(tmp_path / "other")
