"""A language server as a child process: JSON-RPC over its pipes, and the few verbs of LSP that a type check needs.

One process, many requests under way, answered in any order. It believes nothing to be well: the process may die, hang,
or answer with a hundred megabytes; whoever waits then gets `CheckerUnavailable`, never nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import resource
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from gateway.errors import CheckerUnavailable
from gateway.sandbox.processor import cpu_seconds, give_way
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

MAX_MESSAGE = 4 * 1024 * 1024
"""Bytes of one answer; a longer one is thrown away unread. Real programs have some kilobytes of findings."""
START_SECONDS = 20.0
CLOSE_SECONDS = 1.0

_BEHIND = 10
_LINUX = sys.platform == "linux"
_CHUNK = 64 * 1024
_ID_FIRST = re.compile(rb'\{"jsonrpc":"2\.0","id":(\d+)')
_ID_LAST = re.compile(rb'"id":(\d+)\}$')
_CHATTER = b'{"jsonrpc":"2.0","method":"window/logMessage"'


class AnswerTooLarge(CheckerUnavailable):
    """The server found more than `MAX_MESSAGE` bytes to say. Never leaves the checker."""


class AnswerRefused(CheckerUnavailable):
    """The server answered with an error, as it does when it breaks on a document. Never leaves the checker."""


class LanguageServer:
    """One running server. `ended` is set when the process is gone, by itself or not."""

    def __init__(self, process: Process, settings: Mapping[str, Any]) -> None:
        self.ended = asyncio.Event()
        self.version = ""
        self._process = process
        self._settings = settings
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last_id = 0
        self._last_version = 0
        self._tasks = Tasks()
        self._tasks.start(self._read(), name=f"language-server-{process.pid}")

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        settings: Mapping[str, Any],
        memory_bytes: int,
    ) -> LanguageServer:
        """Start `argv` in `folder`, in a session of its own. `settings` answers every question for configuration.
        Raises `CheckerUnavailable` when it cannot be started or does not speak within `START_SECONDS`."""
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=folder, env=environment, start_new_session=True
            )
        except OSError as error:
            raise CheckerUnavailable(f"The type checker {argv[0]} does not start: {error}.") from error
        _limit(process.pid, memory_bytes)
        server = cls(process, settings)
        try:
            async with asyncio.timeout(START_SECONDS):
                await server._initialize(folder)
        except TimeoutError as error:
            raise CheckerUnavailable(f"The type checker {argv[0]} did not speak in {START_SECONDS:g} s.") from error
        finally:
            if not server.version:
                server.kill()
        return server

    async def _initialize(self, folder: Path) -> None:
        root = folder.as_uri()
        answer = await self.request(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": root,
                "workspaceFolders": [{"uri": root, "name": "programs"}],
                "capabilities": {
                    "textDocument": {"diagnostic": {"relatedInformation": True}},
                    "workspace": {"configuration": True},
                    "general": {"positionEncodings": ["utf-16"]},
                },
                "initializationOptions": self._settings,
            },
        )
        self.version = str(answer.get("serverInfo", {}).get("version", "")).split(" ")[0] or "unknown"
        self.notify("initialized", {})

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it may be spoken to. Its input may be closed a moment before its end is seen."""
        assert self._process.stdin is not None
        return not self.ended.is_set() and not self._process.stdin.is_closing()

    @property
    def exit_status(self) -> int | None:
        """How the process ended: negative, by that signal; None: it has not."""
        return self._process.returncode

    # --- the verbs ---

    def open(self, uri: str, text: str) -> None:
        """Show the server a document. Versions only grow: Deno remembers its findings by address and version."""
        self._last_version += 1
        document = {"uri": uri, "languageId": "typescript", "version": self._last_version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def close_document(self, uri: str) -> None:
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def files_changed(self, changes: Mapping[str, int]) -> None:
        """Tell of files on disk: URI → 1 (made), 2 (changed), 3 (gone)."""
        listed = [{"uri": uri, "type": kind} for uri, kind in changes.items()]
        self.notify("workspace/didChangeWatchedFiles", {"changes": listed})

    async def diagnose(self, uri: str) -> list[dict[str, Any]]:
        """The findings in an open document, as LSP `Diagnostic`s."""
        answer = await self.request("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        return list(answer["items"])

    async def members(self, uri: str, line: int, character: int) -> list[str]:
        """The names that could stand at a 0-based position of an open document."""
        where = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
        answer = await self.request("textDocument/completion", where)
        items = answer["items"] if isinstance(answer, dict) else answer or []
        return [str(item["label"]).removesuffix("?") for item in items]

    # --- JSON-RPC ---

    async def request(self, method: str, params: Mapping[str, Any]) -> Any:
        """The answer's `result`. Raises `CheckerUnavailable` when the server dies first or refuses."""
        if not self.alive:
            raise CheckerUnavailable("The type checker has ended.")
        self._last_id += 1
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[self._last_id] = answer
        self._send({"id": self._last_id, "method": method, "params": params})
        try:
            return await answer
        finally:
            answer.cancel()

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        if self.alive:
            self._send({"method": method, "params": params})

    def _send(self, message: Mapping[str, Any]) -> None:
        body = orjson.dumps({"jsonrpc": "2.0", **message})
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    async def _read(self) -> None:
        try:
            while (body := await self._next_message()) is not None:
                if not body.startswith(_CHATTER):
                    self._take(orjson.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError, ConnectionError, asyncio.IncompleteReadError) as error:
            log.warning("the type checker broke the protocol: %s", error)
        finally:
            self.kill()
            self.ended.set()
            for answer in self._waiting.values():
                _fail(answer, CheckerUnavailable("The type checker ended during a check."))
            await self._process.wait()

    async def _next_message(self) -> bytes | None:
        """The body of the next message that is not too large. None: the server has closed its output."""
        assert self._process.stdout is not None
        while True:
            length = 0
            while (line := await self._process.stdout.readline()).strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            if not line:
                return None
            if length <= MAX_MESSAGE:
                return await self._process.stdout.readexactly(length)
            await self._discard(self._process.stdout, length)

    async def _discard(self, stdout: asyncio.StreamReader, length: int) -> None:
        """Throw away an answer, but tell who waits for it: its id is at the one end or at the other."""
        head = tail = b""
        while length:
            chunk = await stdout.read(min(length, _CHUNK))
            if not chunk:
                return
            length -= len(chunk)
            head, tail = head or chunk, (tail + chunk)[-100:]
        found = _ID_FIRST.match(head) or _ID_LAST.search(tail)
        if found is not None and (answer := self._waiting.pop(int(found.group(1)), None)) is not None:
            _fail(answer, AnswerTooLarge("The type checker has more to say than can be told."))

    def _take(self, message: Mapping[str, Any]) -> None:
        if "method" in message:
            if "id" in message and self.alive:
                self._send({"id": message["id"], "result": self._reply(message)})
            return
        answer = self._waiting.pop(message["id"], None)
        if answer is None or answer.done():
            return
        if "error" in message:
            _fail(answer, AnswerRefused(f"The type checker refused: {message['error'].get('message')}"))
        else:
            answer.set_result(message.get("result"))

    def _reply(self, message: Mapping[str, Any]) -> Any:
        """What the server gets to its own requests: the settings, else nothing."""
        if message["method"] != "workspace/configuration":
            return None
        return [self._settings for _ in message["params"]["items"]]

    # --- the process ---

    async def resident_bytes(self) -> int:
        """Memory of the process, 0 when it is gone."""
        if _LINUX:
            with contextlib.suppress(OSError):
                pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
                return int(pages) * resource.getpagesize()
            return 0
        command = ("ps", "-o", "rss=", "-p", str(self.pid))
        asked = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
        kilobytes, _ = await asked.communicate()
        return int(kilobytes.strip() or 0) * 1024

    def cpu_seconds(self) -> float:
        """What the process has computed, 0 when it is gone or the system does not tell."""
        return cpu_seconds(self.pid)

    def give_way(self) -> None:
        """From now on everybody else comes first."""
        give_way(self.pid, _BEHIND)

    def kill(self) -> None:
        """End the process and whatever it started, now."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def close(self) -> None:
        """End the process: by closing its input, or by force after `CLOSE_SECONDS`. Returns when it is gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.ended.wait()
        self.kill()
        await self._process.wait()
        await self._tasks.close()


def _fail(answer: asyncio.Future[Any], error: CheckerUnavailable) -> None:
    if not answer.done():
        answer.set_exception(error)


def _limit(pid: int, memory_bytes: int) -> None:
    """Caps that the kernel keeps, where it lets another process set them: data, and no core dumps."""
    if not _LINUX:
        return
    with contextlib.suppress(OSError):
        resource.prlimit(pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
