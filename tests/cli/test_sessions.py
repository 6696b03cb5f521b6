"""`gateway sessions` against a running gateway."""

from __future__ import annotations

import pytest

from tests.cli.shell import Shell
from tests.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_session_from_its_first_run_to_its_deletion(shell: Shell, gateway: Live) -> None:
    run = await gateway.execute('await state.set("n", 1); await waitFor("x")', session="work")
    (listed,) = await shell.json("sessions", "list")
    assert (listed["session"], listed["agent"], listed["live_runs"]) == ("work", "tester", 1)
    assert (await shell.json("sessions", "show", "work"))["runs"][0]["run_id"] == run["run_id"]
    code, out, _ = await shell("sessions", "show", "work", "--agent", "tester")
    assert code == 0 and "waiting" in out
    code, _, err = await shell("sessions", "delete", "work")
    assert code == 1 and run["run_id"] in err and "--cancel" in err
    code, _, err = await shell("sessions", "delete", "work", "--cancel")
    assert code == 0 and "1 runs were cancelled" in err
    code, _, err = await shell("sessions", "show", "work")
    assert code == 1 and "no session 'work'" in err
    assert (await gateway.services.audit.verify())["ok"]
