"""The embedded run as a test fixture: started by its own command, on ports and in a folder of
its own."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from benchmarks.processes import free_offset
from local.layout import ROOT
from servicekit.embedded import PORTS

_START_SECONDS = 90
_STOP_SECONDS = 60
_TRIES = 5


class AnyStack(Protocol):
    """What tests ask of a shop, be it processes or containers."""

    @property
    def shop_url(self) -> str: ...

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]: ...


class RunningStack:
    """A shop that is ready inside the `with` block and gone after it, whatever happened."""

    def __init__(
        self,
        data: Path,
        options: Sequence[str] = (),
        *,
        environment: Mapping[str, str] | None = None,
        before: Callable[[], object] | None = None,
        command: Sequence[str] = (),
        folder: Path = ROOT,
        stopped_by: signal.Signals = signal.SIGINT,
    ) -> None:
        """`before` runs in the launcher's process before it begins. `command` is another one than
        the launcher's own, in another `folder`. Ctrl-C is what stops it usually."""
        self._stopped_by = stopped_by
        self.data, self.folder, self._before = data, folder, before
        # Tests that are killed leave no shop behind.
        own = [sys.executable, "-m", "local", "--end-with-parent", str(os.getpid()), *options]
        self._command = command or own
        self._extra = dict(environment or {})
        self._output = data.with_name(f"{data.name}.output")
        self._launcher: subprocess.Popen[bytes] | None = None
        self.offset = 0

    @property
    def environment(self) -> dict[str, str]:
        """What `python -m local` and the commands for operators need to meet this shop."""
        return {
            **os.environ,
            "ARLOJI_DATA": str(self.data),
            "ARLOJI_PORT_OFFSET": str(self.offset),
            **self._extra,
        }

    def port(self, name: str) -> int:
        return PORTS[name] + self.offset

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port(name)}"

    @property
    def shop_url(self) -> str:
        return self.url("frontend")

    @property
    def telemetry_url(self) -> str:
        return self.url("telemetry")

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """Read the database file as an operator would with sqlite3."""
        url = f"{(self.data / 'arloji.db').as_uri()}?mode=ro"
        with closing(sqlite3.connect(url, uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, parameters)]

    def __enter__(self) -> Self:
        for _ in range(_TRIES):
            self.offset = free_offset()
            self.start()
            if self.wait_for_line("ready after"):
                return self
            # Somebody took one of the ports between our look and the launcher's.
            if not re.search(r"Port \d+ .* cannot be used", self.output()):
                break
        raise AssertionError(f"the shop did not start:\n{self.output()}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._launcher is not None and self._launcher.poll() is None:
            self.stop()

    def start(self) -> None:
        with self._output.open("wb") as output:
            self._launcher = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self._before,
            )

    def send(self, number: signal.Signals) -> None:
        """To the launcher, and to nobody else."""
        assert self._launcher is not None
        self._launcher.send_signal(number)

    def wait_for_line(self, text: str) -> bool:
        """True once the launcher says it, False if it ends without."""
        assert self._launcher is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            ended = self._launcher.poll() is not None
            if text in self.output():
                return True
            if ended:
                return False
            time.sleep(0.05)
        self.stop()
        raise AssertionError(f"no {text!r} after {_START_SECONDS} s:\n{self.output()}")

    def output(self) -> str:
        """All that a user would have seen in the terminal."""
        return self._output.read_text(errors="replace")

    def count_lines(self, name: str, text: str) -> int:
        """How many lines about this part of the shop begin with the text."""
        return len(re.findall(rf"^{re.escape(name)} +{re.escape(text)}", self.output(), re.M))

    def stop(self, number: signal.Signals | None = None) -> int:
        """Returns the launcher's exit code."""
        self.send(number or self._stopped_by)
        return self.wait()

    def wait(self) -> int:
        """The launcher's exit code, once it has ended by itself."""
        assert self._launcher is not None
        try:
            return self._launcher.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill_launcher()
            raise AssertionError(f"the shop does not stop:\n{self.output()}") from None

    def kill_launcher(self) -> None:
        assert self._launcher is not None
        self._launcher.kill()
        self._launcher.wait(_STOP_SECONDS)

    @property
    def launcher_pid(self) -> int:
        assert self._launcher is not None
        return self._launcher.pid

    def pid(self, name: str) -> int:
        """Of the process that runs now; waits for one that is just being started again."""
        path = self.data / "run" / f"{name}.pid"
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            with suppress(FileNotFoundError):
                return int(path.read_text())
            time.sleep(0.02)
        raise AssertionError(f"there is no {path}:\n{self.output()}")

    def kill(self, name: str) -> None:
        """Suddenly, as by the kernel when memory is short; returns once it is dead."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        path = self.data / "run" / f"{name}.pid"

        def gone() -> bool:
            try:
                return path.read_text() != f"{pid}\n"
            except FileNotFoundError:
                return True

        _wait_until(gone, f"{name} ({pid}) does not die")

    def pause(self, name: str) -> None:
        os.kill(self.pid(name), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        os.kill(self.pid(name), signal.SIGCONT)


def processes_of(data: Path) -> list[str]:
    """Command lines of every process that has the data folder among its arguments or in its
    environment: launcher, supervisors, servers and services."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(data).encode() in text and state != "Z":
            found.append((folder / "cmdline").read_text().replace("\0", " "))
    return found


def _wait_until(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.01)
