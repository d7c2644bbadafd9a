"""Processes of one test: started, waited for, signalled, and gone after their block."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from local.free_port import free_port

ROOT = Path(__file__).parents[1]
# A test says what is exported; the shell that started the tests does not.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
TIMEOUT_SECONDS = 60


class Process:
    """A command that may be stopped and started again. It writes to `log`, with its errors unless
    they have a file of their own; both are in the failure if it ends or does not become ready.
    `options` are those of `Popen`."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        is_ready: Callable[[], bool] | None = None,
        *,
        errors: Path | None = None,
        **options: Any,
    ) -> None:
        self.command, self.log, self._is_ready = list(command), log, is_ready
        self._errors, self._options = errors or log, {"stdin": subprocess.DEVNULL, **options}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it is ready, at once if it was not said when it is."""
        self.begin()
        if self._is_ready is not None:
            self.wait_until(self._is_ready, "ready")

    def begin(self, **options: Any) -> None:
        options = self._options | options
        with self.log.open("ab") as log, self._errors.open("ab") as errors:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=errors, **options)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            self._check_is_running(what)
            assert time.monotonic() < deadline, f"{self.command} is not {what}:\n{self._end}"
            time.sleep(0.05)
        # Another program may be what answers.
        self._check_is_running(what)

    def _check_is_running(self, what: str) -> None:
        assert self.is_running, f"{self.command} ended, not {what}:\n{self._end}"

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def errors(self) -> str:
        return self._errors.read_text(errors="replace")

    @property
    def _end(self) -> str:
        files = dict.fromkeys((self.log, self._errors))
        return "\n".join(file.read_text(errors="replace")[-3000:] for file in files)

    @property
    def _started(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, f"{self.command} was not started"
        return self._process

    @property
    def pid(self) -> int:
        return self._started.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        self._started.send_signal(number)

    def exit_code(self) -> int:
        """Once it has ended by itself."""
        try:
            return self._started.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command} does not end:\n{self._end}") from None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, `SIGKILL` being the sudden way, also if it is paused; returns its exit code."""
        self.send(signal.SIGCONT)
        self.send(number)
        return self.exit_code()

    def kill(self) -> None:
        """Whether it runs or not."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(TIMEOUT_SECONDS)


class ModuleProcess(Process):
    """`python -m <module>` on a free port, ready when it is healthy."""

    def __init__(
        self,
        folder: Path,
        module: str,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", module, *options]
        if module == "local.receiver":
            command += ["--port", str(self.port)]
        super().__init__(
            command,
            folder / f"{module}-{self.port}.log",
            lambda: answers(f"{self.url}/healthz"),
            cwd=ROOT,
            env={**CLEAN, "PORT": str(self.port), **(environment or {})},
        )


def processes_with(mark: bytes) -> list[str]:
    """Command lines of the processes that have this among their arguments or in their environment;
    not those of others, which cannot be read."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes()
            text = arguments + (folder / "environ").read_bytes()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # ended meanwhile, or another user's
            continue
        if mark in text and state != "Z":
            found.append(arguments.decode(errors="replace").replace("\0", " "))
    return found


def answers(url: str) -> bool:
    """Whether a server is there and has no complaint."""
    try:
        # Plain http: loading certificates would take longer than the answer.
        return httpx.get(url, timeout=5, verify=False).is_success
    except httpx.TransportError:
        return False


@contextmanager
def receiver_process(folder: Path) -> Iterator[ModuleProcess]:
    with ModuleProcess(folder, "local.receiver") as process:
        yield process
