"""The same processes as the sandbox's own tests have, in pools of their own."""

from tests.sandbox.conftest import pool as pool
from tests.sandbox.conftest import sandbox_dir as sandbox_dir
