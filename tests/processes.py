"""The receiver and services as processes of one test, on free ports."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.servers import free_port

ROOT = Path(__file__).parents[1]
# A test says what is exported; the shell that started the tests does not.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
_TIMEOUT_SECONDS = 60


class ModuleProcess:
    """`python -m <module>`, healthy inside the `with` block and gone after it."""

    def __init__(
        self,
        folder: Path,
        module: str,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{module}-{self.port}.log"
        self._command = [sys.executable, "-m", module, *options]
        if module == "local.receiver":
            self._command += ["--port", str(self.port)]
        self._environment = {**CLEAN, "PORT": str(self.port), **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while not self._is_healthy():
            text = self.log.read_text(errors="replace")
            assert self._process.poll() is None, f"{self._command} ended:\n{text}"
            assert time.monotonic() < deadline, f"{self._command} is not healthy:\n{text}"
            time.sleep(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(_TIMEOUT_SECONDS)

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).is_success
        except httpx.TransportError:
            return False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it the ordinary way; returns its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(_TIMEOUT_SECONDS)


@contextmanager
def receiver_process(folder: Path) -> Iterator[ModuleProcess]:
    with ModuleProcess(folder, "local.receiver") as process:
        yield process
