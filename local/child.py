"""One process of the run: started, probed until it is ready, restarted whenever it ends."""

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
from local.exit_status import describe, wait_until_writable
from local.layout import ROOT, DataFolder
from local.supervisor import KILL, TERMINATE

MAX_FAILED_STARTS = 5
# `servicekit.http_server.serve.INVALID_SETTINGS`: what is wrong will be wrong the next time too.
_SETTINGS_WRONG = 2
_MIN_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 10.0
# A child that ran longer than this had a reason of its own to end, not a broken start.
_STABLE_SECONDS = 10.0
_POLL_SECONDS = 0.1
# The machine has no process, memory or descriptor left for a new child.
_TRANSIENT_ERRORS = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_PROBE_TIMEOUT_SECONDS = 2.0
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
    """What to send to a child's port, and what its answer contains once it is ready."""

    port: int
    request: bytes
    expected: bytes

    async def ask(self) -> bytes:
        """The beginning of the answer, empty if there is none."""
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_SECONDS):
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
    # What it leaves to others when all want the processors (nice(2)).
    niceness: int = 0
    quiet: bool = False


@dataclass(frozen=True)
class Spawner:
    """Starts supervisors; each inherits the claim on the data folder and one end of a pipe."""

    folder: DataFolder
    lock: int
    # A pipe that closes when the launcher and all supervisors of services have ended: what they
    # need, Redis and the telemetry receiver, ends after them even if the launcher is killed.
    dependents_read: int
    dependents_write: int

    async def spawn(self, spec: ChildSpec, *, stops_last: bool) -> Process:
        supervisor = [
            *(sys.executable, "-S", "-m", "local.supervisor", "--name", spec.name),
            *("--log", str(self.folder.log(spec.name)), "--pid", str(self.folder.pid(spec.name))),
            *("--grace", str(spec.grace_seconds), "--nice", str(spec.niceness)),
            *(["--dependents", str(self.dependents_read)] if stops_last else []),
            *(["--quiet"] if spec.quiet else []),
        ]
        return await asyncio.create_subprocess_exec(
            *(*supervisor, "--", *spec.command),
            stdin=PIPE,
            cwd=ROOT,
            env={**inherited.for_shop(), **spec.environment},
            pass_fds=(self.lock, self.dependents_read if stops_last else self.dependents_write),
            start_new_session=True,
        )


class Child:
    """`keep_running` in a task of its own; `stop` ends process and task."""

    def __init__(self, spec: ChildSpec, spawner: Spawner, *, stops_last: bool = False) -> None:
        self.spec, self._spawner, self._stops_last = spec, spawner, stops_last
        self.ready = asyncio.Event()
        self.last_answer = b""
        self._stop = asyncio.Event()
        self._process: Process | None = None

    async def keep_running(self) -> int:
        """Restart until `stop`; returns the last exit code, 0 for none. Raises `ChildFailed` after
        five ends in a row before it was ready, except ends on a disk that is full, and at once
        if its settings are wrong."""
        failed_starts = short_runs = 0
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                code, was_ready = await self._run_once()
            except OSError as error:
                if error.errno not in _TRANSIENT_ERRORS:
                    raise
                short_runs += 1
                await self._back_off(f"not started ({error.strerror})", short_runs)
                continue
            if self._stop.is_set():
                return code
            if code == _SETTINGS_WRONG:
                raise self._failed("cannot run with its settings")
            if await wait_until_writable(self._spawner.folder, self.spec.name, code, self._stop):
                continue
            failed_starts = 0 if was_ready else failed_starts + 1
            short_runs = 0 if time.monotonic() - began > _STABLE_SECONDS else short_runs + 1
            if failed_starts == MAX_FAILED_STARTS:
                times = f"{MAX_FAILED_STARTS} times in a row before it was ready"
                raise self._failed(f"ended {times} ({describe(code)})")
            await self._back_off(f"ended ({describe(code)})", short_runs)
        return 0

    def _failed(self, what: str) -> ChildFailed:
        return ChildFailed(self.spec.name, what, self._spawner.folder.log(self.spec.name))

    async def _run_once(self) -> tuple[int, bool]:
        self._process = process = await self._spawner.spawn(self.spec, stops_last=self._stops_last)
        if self._stop.is_set():
            self._send(TERMINATE)
        prober = asyncio.create_task(self._probe_until_ready())
        code = await process.wait()
        prober.cancel()
        was_ready = self.ready.is_set()
        self.ready.clear()
        self._process = None
        return code, was_ready

    async def _probe_until_ready(self) -> None:
        probe = self.spec.probe
        while probe is not None:
            self.last_answer = await probe.ask()
            if probe.expected in self.last_answer:
                break
            await asyncio.sleep(_POLL_SECONDS)
        self.ready.set()

    async def _back_off(self, what: str, short_runs: int) -> None:
        pause = min(_MAX_BACKOFF_SECONDS, _MIN_BACKOFF_SECONDS * 2 ** max(0, short_runs - 1))
        say(self.spec.name, f"{what}: starting again in {pause:g} s", "bad")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), pause)

    def stop(self) -> None:
        """Ask it to end within its grace period; `keep_running` returns when it has."""
        self._stop.set()
        self._send(TERMINATE)

    def kill(self) -> None:
        self._stop.set()
        self._send(KILL)

    def _send(self, command: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(command)
