import socket
from pathlib import Path

import pytest

from local import free_port as module
from local.free_port import free_port


def test_no_outgoing_connection_can_have_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ephemeral = tmp_path / "ip_local_port_range"
    ephemeral.write_text("20000\t60999\n")
    monkeypatch.setattr(module, "_EPHEMERAL", ephemeral)
    assert max(free_port() for _ in range(200)) < 20_000


def test_a_machine_that_gives_all_its_ports_to_connections_has_one_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ephemeral = tmp_path / "ip_local_port_range"
    ephemeral.write_text("1024\t65535\n")
    monkeypatch.setattr(module, "_EPHEMERAL", ephemeral)
    assert 12_000 <= free_port() < 65_536


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
