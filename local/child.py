"""One process of the run: started, watched until it is ready, started again whenever it ends."""

import asyncio
import errno
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from local import inherited
from local.console import printable, say
from local.endings import describe, wait_out
from local.layout import ROOT, DataFolder

DEATHS_AT_START = 5
# `servicekit.http_server.serve.INVALID_SETTINGS`: what is wrong will be wrong the next time too.
_SETTINGS_WRONG = 2
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
# Who lived longer than this had a reason of its own to end, not a broken start.
_LONG_LIFE_SECONDS = 10.0
_POLL_SECONDS = 0.1
# The machine has no process, memory or descriptor left for a new child.
_SCARCE = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_ANSWER_SECONDS = 2.0
_TAIL_LINES = 15


class ChildFailed(Exception):
    """A part of the shop does not start; the message has its last log lines."""

    def __init__(self, name: str, what: str, log: Path) -> None:
        super().__init__(f"{name} {what}. The end of {log}:\n{tail_of(log)}")


def tail_of(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 16 * 1024))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError as error:
        return f"  ({error.strerror})"
    return "\n".join(f"  {printable(line)}" for line in lines[-_TAIL_LINES:]) or "  (empty)"


@dataclass(frozen=True)
class Probe:
    """What to say to a child's port, and what its answer contains once it is ready."""

    port: int
    request: bytes
    expected: bytes

    async def ask(self) -> bytes:
        """The beginning of the answer, empty if there is none."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(self.request)
                    return await reader.read(4096)
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return b""


@dataclass(frozen=True)
class ChildSpec:
    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    probe: Probe | None = None
    # The services' own limit is 20 s (`SHUTDOWN_SECONDS`).
    grace_seconds: float = 25.0
    quiet: bool = False


@dataclass(frozen=True)
class Household:
    """What every guard gets from the launcher besides its own pipe."""

    folder: DataFolder
    lock: int
    # A pipe that closes when the launcher and all guards of services have ended: what they
    # need, Redis and the telemetry receiver, ends after them even if the launcher is killed.
    last_read: int
    last_write: int

    async def spawn(self, spec: ChildSpec, *, ends_last: bool) -> Process:
        guard = [
            *(sys.executable, "-S", "-m", "local.guard", "--name", spec.name),
            *("--log", str(self.folder.log(spec.name)), "--pid", str(self.folder.pid(spec.name))),
            *("--grace", str(spec.grace_seconds)),
            *(["--last", str(self.last_read)] if ends_last else []),
            *(["--quiet"] if spec.quiet else []),
        ]
        return await asyncio.create_subprocess_exec(
            *(*guard, "--", *spec.command),
            stdin=PIPE,
            cwd=ROOT,
            env={**inherited.for_shop(), **spec.environment},
            pass_fds=(self.lock, self.last_read if ends_last else self.last_write),
            start_new_session=True,
        )


class Child:
    """`keep_running` in a task of its own; `stop` ends process and task."""

    def __init__(self, spec: ChildSpec, household: Household, *, ends_last: bool = False) -> None:
        self.spec, self._household, self._ends_last = spec, household, ends_last
        self.ready = asyncio.Event()
        self.last_answer = b""
        self._stop = asyncio.Event()
        self._process: Process | None = None

    async def keep_running(self) -> int:
        """Until `stop`: returns the last exit code, 0 for none. Raises `ChildFailed` after
        five ends in a row before it was ready, those apart for which it could do nothing, and
        at once if its settings are wrong."""
        unready_ends = quick_ends = 0
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                code, was_ready = await self._run_once()
            except OSError as error:
                if error.errno not in _SCARCE:
                    raise
                quick_ends += 1
                await self._pause(f"not started ({error.strerror})", quick_ends)
                continue
            if self._stop.is_set():
                return code
            if code == _SETTINGS_WRONG:
                raise self._failed("cannot run with its settings")
            if await wait_out(self._household.folder, self.spec.name, code, self._stop):
                continue
            unready_ends = 0 if was_ready else unready_ends + 1
            quick_ends = 0 if time.monotonic() - began > _LONG_LIFE_SECONDS else quick_ends + 1
            if unready_ends == DEATHS_AT_START:
                raise self._failed(
                    f"ended {DEATHS_AT_START} times in a row before it was ready ({describe(code)})"
                )
            await self._pause(f"ended ({describe(code)})", quick_ends)
        return 0

    def _failed(self, what: str) -> ChildFailed:
        return ChildFailed(self.spec.name, what, self._household.folder.log(self.spec.name))

    async def _run_once(self) -> tuple[int, bool]:
        self._process = process = await self._household.spawn(self.spec, ends_last=self._ends_last)
        if self._stop.is_set():
            self.tell(b"t")
        watcher = asyncio.create_task(self._watch_ready())
        code = await process.wait()
        watcher.cancel()
        was_ready = self.ready.is_set()
        self.ready.clear()
        self._process = None
        return code, was_ready

    async def _watch_ready(self) -> None:
        probe = self.spec.probe
        while probe is not None:
            self.last_answer = await probe.ask()
            if probe.expected in self.last_answer:
                break
            await asyncio.sleep(_POLL_SECONDS)
        self.ready.set()

    async def _pause(self, what: str, quick_ends: int) -> None:
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** max(0, quick_ends - 1))
        say(self.spec.name, f"{what}: starting again in {pause:g} s", "bad")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), pause)

    def stop(self) -> None:
        """Let it end in its own time; `keep_running` returns when it has."""
        self._stop.set()
        self.tell(b"t")

    def kill(self) -> None:
        self._stop.set()
        self.tell(b"k")

    def tell(self, order: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(order)
