import socket
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest

from local import free_port as module
from local.free_port import free_offset, free_port
from servicekit.embedded import PORTS


@pytest.mark.parametrize(
    ("ephemeral", "end"),
    [
        pytest.param("24000\t60999\n", 24_000, id="no outgoing connection can have it"),
        pytest.param("1024\t65535\n", 65_536, id="outgoing connections have them all"),
    ],
)
def test_it_is_below_those_of_outgoing_connections_where_there_are_any(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ephemeral: str, end: int
) -> None:
    file = tmp_path / "ip_local_port_range"
    file.write_text(ephemeral)
    monkeypatch.setattr(module, "_EPHEMERAL", file)
    monkeypatch.setattr(module, "_own", deque())
    ports = [free_port() for _ in range(200)]
    assert min(ports) >= 20_000
    assert max(ports) < end


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_it_is_not_one_that_is_listened_on(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with socket.socket() as taken:
        taken.bind((address, free_port()))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(module, "_own", deque([port]))
        assert free_port() != port


def test_where_all_are_taken_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("", free_port()))
        port = taken.getsockname()[1]
        monkeypatch.setattr(module, "_LOWEST", port)
        monkeypatch.setattr(module, "_end", lambda: port + 1)
        monkeypatch.setattr(module, "_own", deque())
        with pytest.raises(OSError, match=f"no free port between {port} and"):
            free_port()


def test_none_is_given_twice_neither_here_nor_to_a_process_beside() -> None:
    program = (
        "from local.free_port import free_offset, free_port\n"
        "print(*(free_port() for _ in range(1000)), *(free_offset() for _ in range(100)))\n"
        "input()"
    )
    beside = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    given = [str(free_port()) for _ in range(200)] + [str(free_offset()) for _ in range(20)]
    try:
        for process in beside:
            assert process.stdout is not None
            given += process.stdout.readline().split()
    finally:
        for process in beside:
            process.communicate("\n", timeout=60)
    assert len(set(given)) == len(given) == 220 + 2 * 1100


def test_shops_with_moved_ports_meet_neither_each_other_nor_what_is_beside_them() -> None:
    moved = [port + offset for offset in module._OFFSETS for port in (*PORTS.values(), 8079)]
    assert len(set(moved)) == len(moved)
    assert max(moved) < 20_000
