"""A gateway whose sends are stamped: `python -m tests.stamped CONFIG` writes one line `NANOSECONDS RUN_ID` of the
monotonic clock, which all processes of a machine share, into `sent.log` beside its configuration for each call, in the
moment in which it goes out."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from benchmarks.serve import ready
from gateway.app import serve
from gateway.config.load import load
from gateway.service.work import Work

SENT = "sent.log"


def stamp(path: Path) -> None:
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    may_go = Work._may_go

    def stamped(work: Work) -> None:
        may_go(work)
        os.write(log, f"{time.monotonic_ns()} {work._job.run_id}\n".encode())

    Work._may_go = stamped  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    config = Path(sys.argv[1])
    stamp(config.with_name(SENT))
    raise SystemExit(serve(load(config), config_path=config, watch=False, json_logs=False, banner=ready))
