"""`benchmarks.serve` for a user who may open few files: `python -m tests.attacks.client.few_files CONFIG`."""

from __future__ import annotations

import resource
import runpy

FILES = 640

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    runpy.run_module("benchmarks.serve", run_name="__main__")
