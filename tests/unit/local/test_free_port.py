import socket
from pathlib import Path

import pytest

from local import free_port as module
from local.free_port import free_port


@pytest.mark.parametrize(
    ("ephemeral", "end"),
    [
        pytest.param("20000\t60999\n", 20_000, id="no outgoing connection can have it"),
        pytest.param("1024\t65535\n", 65_536, id="outgoing connections have them all"),
    ],
)
def test_it_is_below_those_of_outgoing_connections_where_there_are_any(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ephemeral: str, end: int
) -> None:
    file = tmp_path / "ip_local_port_range"
    file.write_text(ephemeral)
    monkeypatch.setattr(module, "_EPHEMERAL", file)
    ports = [free_port() for _ in range(200)]
    assert min(ports) >= 12_000
    assert max(ports) < end


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_it_is_not_one_that_is_listened_on(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with socket.socket() as taken:
        taken.bind((address, free_port()))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(module, "_LOWEST", port)
        monkeypatch.setattr(module, "_end", lambda: port + 1)
        with pytest.raises(OSError, match=f"no free port between {port} and"):
            free_port()


def test_two_are_hardly_ever_the_same() -> None:
    assert len({free_port() for _ in range(50)}) > 40
