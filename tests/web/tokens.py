"""Tokens of a text in o200k_base, counted by a tokenizer from npm, which the bundled Deno brings."""

from __future__ import annotations

import subprocess

from deno import find_deno_bin

_COUNT = """
import { encode } from "npm:gpt-tokenizer@4.0.0/encoding/o200k_base";
console.log(encode(await new Response(Deno.stdin.readable).text()).length);
"""


def count(text: str) -> int:
    done = subprocess.run(
        [find_deno_bin(), "run", "--quiet", "--no-lock", "--ext=ts", "data:application/typescript," + _COUNT],
        input=text,
        text=True,
        capture_output=True,
        check=True,
    )
    return int(done.stdout)
