from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gateway.config import admin_token, base_environment, environment, gateway_url


def test_a_child_gets_what_it_needs_and_no_more() -> None:
    given = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/a",
        "LC_ALL": "C.UTF-8",
        "https_proxy": "http://proxy",
        "SSL_CERT_FILE": "/ca.pem",
        "UV_INDEX_URL": "http://index",
        "npm_config_registry": "http://npm",
        "GATEWAY_ADMIN_TOKEN": "secret",
        "CRM_TOKEN": "secret",
        "LD_PRELOAD": "evil.so",
        "PYTHONPATH": "/x",
    }
    assert base_environment(given) == {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": "/home/a",
        "LC_ALL": "C.UTF-8",
        "https_proxy": "http://proxy",
        "SSL_CERT_FILE": "/ca.pem",
        "UV_INDEX_URL": "http://index",
        "npm_config_registry": "http://npm",
    }


def test_the_interpreters_folder_leads_the_path_once() -> None:
    own = str(Path(sys.executable).parent)
    assert base_environment({"PATH": f"/bin:{own}:/usr/bin:"})["PATH"] == f"{own}:/bin:/usr/bin"
    assert base_environment({})["PATH"] == f"{own}:{os.defpath}"
    assert base_environment()["PATH"].startswith(f"{own}:")


def test_what_a_command_is_told_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gateway_url({"GATEWAY_URL": " http://gw:1/ "}) == "http://gw:1"
    assert admin_token({"GATEWAY_ADMIN_TOKEN": "t"}) == "t"
    assert (gateway_url({}), admin_token({"GATEWAY_ADMIN_TOKEN": ""})) == (None, None)
    monkeypatch.setenv("GATEWAY_ADMIN_TOKEN", "from-process")
    assert admin_token() == "from-process"
    assert environment()["GATEWAY_ADMIN_TOKEN"] == "from-process"
