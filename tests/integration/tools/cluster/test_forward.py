"""A socket of this machine leads into another network namespace."""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes import ROOT, Process

pytestmark = pytest.mark.integration


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that answers with all it got, once its client has said all."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.sendall(read_all(client))

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


@pytest.fixture
def way(echo: int, tmp_path: Path) -> Iterator[tuple[str, int]]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        target = f"{listener.fileno()}=127.0.0.1:{echo}"
        command = [sys.executable, "-m", "tools.cluster.forward", target]
        with Process(command, tmp_path / "log", cwd=ROOT, pass_fds=[listener.fileno()]):
            yield listener.getsockname()


def test_all_bytes_of_both_directions_arrive(way: tuple[str, int]) -> None:
    sent = bytes(range(256)) * 4096
    for _ in range(2):
        with socket.create_connection(way, timeout=20) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == sent


def test_a_client_that_breaks_off_leaves_the_way_open(way: tuple[str, int]) -> None:
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    with socket.create_connection(way, timeout=20) as client:
        client.sendall(b"x")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    test_all_bytes_of_both_directions_arrive(way)
