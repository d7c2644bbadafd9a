"""`python -m servicekit.probes` against real sockets."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.free_port import free_port
from servicekit import probes
from tests.processes import ROOT

WELL, ILL = b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 503 Not Yet\r\n\r\n"


@contextmanager
def saying(*answers: bytes) -> Iterator[int]:
    """The port of a server that gives these answers, one on each connection, then ends."""

    def talk() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(1000))
                connection.sendall(answer)

    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        thread = threading.Thread(target=talk)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(30)
        assert not thread.is_alive()
    assert all(request.startswith((b"GET / ", b"GET /readyz ")) for request in received)


def test_the_command_probes_the_service_of_its_environment() -> None:
    with saying(WELL) as port:
        done = subprocess.run(
            [sys.executable, "-m", "servicekit.probes", "--ready"],
            cwd=ROOT,
            timeout=60,
            check=False,
            env={**os.environ, "HOST": "0.0.0.0", "PORT": str(port)},
        )
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (WELL, None),
        (b"HTTP/1.0 204\r\n", None),
        (ILL, "status 503"),
        (b"HTTP/1.1 301 Moved\r\nLocation: /well\r\n\r\n", "status 301"),
        (b"-ERR unknown command\r\n", "no HTTP answer"),
        (b"", "no HTTP answer"),
    ],
)
def test_any_2xx_is_healthy_and_all_else_one_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], answer: bytes, reason: str | None
) -> None:
    with saying(answer) as port:
        url = f"http://127.0.0.1:{port}/"
        assert probes.main([url]) == (0 if reason is None else 1)
    assert capsys.readouterr().err == ("" if reason is None else f"{url}: {reason}\n")


def test_every_url_must_be_healthy() -> None:
    with saying(WELL) as well, saying(ILL) as ill:
        assert probes.main([f"http://127.0.0.1:{port}/" for port in (well, ill)]) == 1


def test_a_server_without_an_answer_is_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert probes.main(["--timeout", "0.2", url]) == 1
    assert "timed out" in capsys.readouterr().err


def test_it_waits_for_a_service_that_starts_and_no_longer_than_it_may() -> None:
    with saying(ILL, WELL) as port:
        assert probes.main(["--wait", "60", f"http://127.0.0.1:{port}/"]) == 0
    began = time.monotonic()
    assert probes.main(["--wait", "0.5", f"http://127.0.0.1:{free_port()}/"]) == 1
    assert 0.5 < time.monotonic() - began < 30
