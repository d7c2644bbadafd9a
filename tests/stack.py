"""The embedded run as a test fixture: started by its own command, on ports and in a folder of
its own."""

import os
import re
import signal
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, Self

from local.free_port import free_offset
from local.layout import ROOT
from servicekit.embedded import PORTS
from tests.processes import Process, processes_with
from tests.waiting import eventually

_START_SECONDS = 90
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
        # Tests that are killed leave no shop behind.
        own = [sys.executable, "-m", "local", "--end-with-parent", str(os.getpid()), *options]
        self.launcher = Process(
            command or own,
            data.with_name(f"{data.name}.output"),
            cwd=folder,
            start_new_session=True,
            preexec_fn=before,
        )
        self._stopped_by, self._extra = stopped_by, dict(environment or {})
        self.data, self.folder, self.offset = data, folder, 0

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

    def __exit__(self, *_error: object) -> None:
        if self.launcher.is_running:
            self.stop()

    def start(self) -> None:
        self.launcher.log.unlink(missing_ok=True)
        self.launcher.begin(env=self.environment)

    def wait_for_line(self, text: str) -> bool:
        """True once the launcher says it, False if it ends without."""

        def said() -> bool:
            ended = not self.launcher.is_running
            return text in self.output() or ended

        try:
            eventually(said, seconds=_START_SECONDS)
        except AssertionError:
            self.stop()
            raise AssertionError(f"no {text!r} in time:\n{self.output()}") from None
        return text in self.output()

    def output(self) -> str:
        """All that a user would have seen in the terminal."""
        return self.launcher.output()

    def count_lines(self, name: str, text: str) -> int:
        """How many lines about this part of the shop begin with the text."""
        return len(re.findall(rf"^{re.escape(name)} +{re.escape(text)}", self.output(), re.M))

    def stop(self, number: signal.Signals | None = None) -> int:
        """Returns the launcher's exit code."""
        return self.launcher.stop(number or self._stopped_by)

    def _pid_file(self, name: str) -> Path:
        return self.data / "run" / f"{name}.pid"

    def _read_pid(self, name: str) -> int | None:
        try:
            return int(self._pid_file(name).read_text())
        except FileNotFoundError:
            return None

    def pid(self, name: str) -> int:
        """Of the process that runs now; waits for one that is just being started again."""
        found: int = eventually(lambda: self._read_pid(name), seconds=_START_SECONDS)
        return found

    def kill(self, name: str) -> None:
        """Suddenly, as by the kernel when memory is short; returns once it is dead."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: self._read_pid(name), lambda now: now != pid, pause_seconds=0.01)

    def pause(self, name: str) -> None:
        os.kill(self.pid(name), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        os.kill(self.pid(name), signal.SIGCONT)


def processes_of(data: Path) -> list[str]:
    """Command lines of every process that has the data folder among its arguments or in its
    environment: launcher, supervisors, servers and services."""
    return processes_with(str(data).encode())
