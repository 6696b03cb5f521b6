"""The licence of each package that a gateway runs on, held against a list: `python -m scripts.licences`.

Reads what is installed, for the names in requirements.lock. Exit code 1 when one is not on the list, or says nothing.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.lock"
ALLOWED = (
    *("MIT", "MIT-0", "MIT-CMU", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache-2.0", "ISC", "PSF-2.0", "Python-2.0"),
    *("Unlicense", "CC0-1.0", "MPL-2.0", "Zlib", "BSL-1.0"),
)
"""Ours is Apache-2.0. MPL-2.0 asks for changes to its own files only, and we make none."""

SAME = {
    "mit license": "MIT",
    "the mit license (mit)": "MIT",
    "bsd license": "BSD-3-Clause",
    "bsd-3-clause license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
    "apache software license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "psf": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "isc license (iscl)": "ISC",
}
_OPERATORS = re.compile(r"\s+(?:AND|OR|WITH)\s+|[()]|\s+and\s+|\s+or\s+")


def locked() -> list[str]:
    """Names of the locked packages that are installed here: a universal lock names other platforms' too."""
    names = re.findall(r"^([A-Za-z0-9._-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    here = {_normal(found.name) for found in metadata.distributions()}
    return [name for name in names if _normal(name) in here]


def licences(name: str) -> set[str]:
    """What a package says of its licence, as SPDX identifiers where it can be read as such, each part of it."""
    about = metadata.metadata(name)
    told = about.get("License-Expression")
    if told is None:
        classified = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier", []) if c.startswith("License ::")]
        told = " AND ".join(SAME.get(c.lower(), c.replace(" ", "_")) for c in classified) or about.get("License", "")
    told = SAME.get(told.strip().lower(), told.strip())
    return {SAME.get(part.lower(), part) for part in _OPERATORS.split(told) if part}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    names = locked()
    bad = {name: found for name in names if not (found := licences(name)) or not found <= set(ALLOWED)}
    for name, found in bad.items():
        print(f"{name}: {', '.join(sorted(found)) or 'says nothing'}: not on the list of licences")
    print(f"{len(names)} packages, {len(bad)} with a licence that is not on the list")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
