"""`python -m servicekit.probes` against real sockets."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from servicekit import probes
from tests.sample_process import ROOT, sample_process, until
from tests.servers import free_port


@contextmanager
def saying(*answers: bytes) -> Iterator[str]:
    """The URL of a server that says these things, one to each connection, then ends."""

    def talk() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        thread = threading.Thread(target=talk)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join(30)
        assert not thread.is_alive()


def test_the_command_asks_the_service_of_its_environment(tmp_path: Path) -> None:
    with sample_process(tmp_path) as sample:
        command = [sys.executable, "-X", "importtime", "-m", "servicekit.probes", "--ready"]
        environment = {**os.environ, "HOST": "0.0.0.0", "PORT": str(sample.port)}
        result = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
        )
    assert result.returncode == 0
    assert "pydantic" not in result.stderr
    assert "opentelemetry" not in result.stderr


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 204\r\n"])
def test_any_2xx_is_well(answer: bytes) -> None:
    with saying(answer) as url:
        assert probes.main([url]) == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "status 503"),
        (b"HTTP/1.1 301 Moved\r\nLocation: /well\r\n\r\n", "status 301"),
        (b"-ERR unknown command\r\n", "no HTTP answer"),
        (b"", "no HTTP answer"),
    ],
)
def test_anything_else_is_one_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], answer: bytes, reason: str
) -> None:
    with saying(answer) as url:
        assert probes.main([url]) == 1
    assert capsys.readouterr().err == f"{url}: {reason}\n"


def test_every_url_must_be_well() -> None:
    with saying(b"HTTP/1.1 200 OK\r\n\r\n") as well, saying(b"HTTP/1.1 500 Oh\r\n\r\n") as ill:
        assert probes.main([well, ill]) == 1


def test_a_server_that_says_nothing_ends_the_patience(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert probes.main(["--timeout", "0.2", url]) == 1
    assert "timed out" in capsys.readouterr().err


def test_it_waits_for_a_service_that_starts() -> None:
    answers = (b"HTTP/1.1 503 Not Yet\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n")
    with saying(*answers) as url:
        assert probes.main(["--wait", "60", url]) == 0


def test_it_waits_no_longer_than_it_was_told() -> None:
    result: list[int] = []
    url = f"http://127.0.0.1:{free_port()}/"
    thread = threading.Thread(target=lambda: result.append(probes.main(["--wait", "0.5", url])))
    thread.start()
    until(lambda: bool(result), "the end of its patience")
    thread.join()
    assert result == [1]
