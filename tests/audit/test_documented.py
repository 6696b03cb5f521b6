"""The commands of docs/audit.md, typed against a gateway, show what the page says that they show."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.shell import Shell
from tests.live import SERVERS, agent, live, stdio

PAGE = (SERVERS.parents[1] / "docs" / "audit.md").read_text()
NAMES = ("create_ticket", "refund")
PROGRAM = """
await tools.crm.createTicket({ project: "gateway!!", tags: ["bug", "p1", "ui", "css", "ios", "eu", "gdpr"] });
return await tools.crm.refund({ order: "A-2026-11017", amount: 250 });
"""


def plain(table: str) -> list[str]:
    """Its rows without what is another every time: times, durations, runs, and so the width of columns."""
    rows = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|run_\w+", "…", table)
    return [re.sub(r" (allow +ok +)\d+ ", r" \1… ", " ".join(row.split())) for row in rows.splitlines()]


async def test_what_triage_did_to_crm_on_a_day(tmp_path: Path) -> None:
    (tmp_path / "tools.json").write_text(
        json.dumps([{"name": one, "inputSchema": {"type": "object"}} for one in NAMES])
    )
    grants = [
        {"server": "crm", "tools": ["create_ticket"]},
        {"server": "crm", "tools": ["refund"], "args": {"amount": {"range": [0, 100]}}},
    ]
    config = {
        "mcpServers": {"crm": stdio("changing.py", str(tmp_path / "tools.json"))},
        "agents": {"triage": {**agent(), "grants": grants}},
    }
    sample = re.search(r"```console\n\$ gateway ([^\n]+)\n(.*?)```", PAGE, re.DOTALL)
    assert sample is not None
    begun = datetime.now(UTC)
    async with live(tmp_path, config) as gateway:
        shell = Shell(gateway)
        run = await gateway.execute(PROGRAM, agent="triage")
        assert (run["status"], run["error"]["code"]) == ("failed", "policy_denied"), run
        dates = {"2026-11-22": f"{begun:%Y-%m-%d}", "2026-11-23": f"{begun + timedelta(days=2):%Y-%m-%d}"}
        code, out, _ = await shell(*(dates.get(word, word) for word in shlex.split(sample[1])))
        assert (code, plain(out)) == (0, plain(sample[2]))
        exported = re.search(r"^gateway (audit export .*?)  #", PAGE, re.MULTILINE)
        assert exported is not None
        code, out, _ = await shell(*(dates.get(word, word) for word in shlex.split(exported[1])))
        assert (code, [json.loads(line)["tool"] for line in out.splitlines()]) == (0, ["create_ticket", "refund"])
