"""`tests.sample_service` as a process, and a client that sends it any bytes at all."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.answers import Described
from tests.servers import free_port
from tests.waiting import eventually

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 60


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection. Every wait has an end, and a reset is an error."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self._socket.sendall(part)

    def get(self, path: str) -> None:
        self.send(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())

    def ask(self, path: str) -> Answer:
        self.get(path)
        return self.read()

    def read(self) -> Answer:
        """The next answer, whole; its body has a length or ends with the connection."""
        line = self._file.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers: dict[str, str] = Described()
        while (header := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        length = headers.get("content-length")
        body = self._file.read() if length is None else self._file.read(int(length))
        return Answer(int(line.split()[1]), headers, body)

    def read_all(self) -> list[Answer]:
        """Every answer up to the end of the connection."""
        answers = []
        while self._file.peek(1):
            answers.append(self.read())
        return answers

    def is_closed(self) -> bool:
        """Wait for the server to close; False if it sends anything instead."""
        return self._file.read(1) == b""


class SampleProcess:
    """The service with these settings, on a free port."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.port = free_port()
        self._output = folder / "stdout.jsonl"
        self._errors = folder / "stderr.txt"
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            "PORT": str(self.port),
            **{name.upper(): str(value) for name, value in settings.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *ignored: signal.Signals) -> None:
        command = [sys.executable, "-W", "error", "-m", "tests.sample_service"]
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=errors,
                preexec_fn=lambda: [signal.signal(one, signal.SIG_IGN) for one in ignored],
            )

    def connect(self) -> Client:
        return Client(self.port)

    def ask(self, path: str) -> Answer:
        with self.connect() as client:
            return client.ask(path)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def exit_code(self) -> int:
        """Once it has ended by itself."""
        assert self.process is not None
        return self.process.wait(PATIENCE_SECONDS)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._output.read_text().splitlines()]

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def until_logged(self, message: str) -> None:
        """Else the last lines are in the failure."""
        eventually(
            lambda: [line["message"] for line in self.log][-20:],
            lambda said: message in said,
            seconds=PATIENCE_SECONDS,
        )


@contextmanager
def sample_process(
    folder: Path, *ignored: signal.Signals, **settings: object
) -> Iterator[SampleProcess]:
    """It takes connections from the start of the block on; at its end it is gone. Its starter
    ignores some signals."""
    sample = SampleProcess(folder, **settings)
    sample.start(*ignored)
    assert sample.process is not None
    try:
        sample.until_logged("started")
        yield sample
    finally:
        sample.process.kill()
        sample.process.wait()
