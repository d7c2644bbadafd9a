"""`tests.sample_service` as a process, and a client that sends it any bytes at all."""

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.free_port import free_port
from tests.answers import Described
from tests.processes import ROOT, TIMEOUT_SECONDS, Process
from tests.waiting import eventually


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
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
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


class SampleProcess(Process):
    """The service with these settings, on a free port; its starter ignores some signals."""

    def __init__(self, folder: Path, *ignored: signal.Signals, **settings: object) -> None:
        self.port = free_port()
        environment = {"PORT": self.port, **{key.upper(): value for key, value in settings.items()}}
        super().__init__(
            [sys.executable, "-W", "error", "-m", "tests.sample_service"],
            folder / "stdout.jsonl",
            lambda: "started" in self.messages,
            cwd=ROOT,
            env={name: str(value) for name, value in environment.items()} | _PATH,
            errors=folder / "stderr.txt",
            preexec_fn=lambda: [signal.signal(one, signal.SIG_IGN) for one in ignored],
        )

    def run(self) -> int:
        """Its exit code, if it never comes to take connections."""
        self.begin()
        return self.exit_code()

    def connect(self) -> Client:
        return Client(self.port)

    def ask(self, path: str) -> Answer:
        with self.connect() as client:
            return client.ask(path)

    @property
    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output().splitlines()]

    @property
    def messages(self) -> list[str]:
        return [line["message"] for line in self.logged]

    def until_logged(self, message: str) -> None:
        eventually(lambda: self.messages[-20:], lambda said: message in said)


_PATH = {"PATH": os.environ.get("PATH", "")}


@contextmanager
def sample_process(
    folder: Path, *ignored: signal.Signals, **settings: object
) -> Iterator[SampleProcess]:
    """It takes connections from the start of the block on; at its end it is gone."""
    with SampleProcess(folder, *ignored, **settings) as sample:
        yield sample
