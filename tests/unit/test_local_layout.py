import os
import socket
import stat
from pathlib import Path

import pytest

from local.layout import DataFolder, StartRefused, require_free
from servicekit.embedded import PORTS, InvalidRun, Ports


def refuse_waiting() -> None:
    raise AssertionError("it waited")


def test_every_port_moves_by_the_offset() -> None:
    ports = Ports.from_text("100")
    assert {name: ports[name] - port for name, port in PORTS.items()} == dict.fromkeys(PORTS, 100)
    assert ports.url("frontend") == "http://127.0.0.1:8180"


@pytest.mark.parametrize("text", ["x", "1.5", "", "57445", "-4318"])
def test_an_offset_that_leads_nowhere_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InvalidRun, match="ARLOJI_PORT_OFFSET") as refusal:
        Ports.from_text(text)
    assert "\n" not in str(refusal.value)


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        offset = taken.getsockname()[1] - PORTS["api-gw"]
        with pytest.raises(StartRefused) as refusal:
            require_free(Ports(offset), ["api-gw"])
    assert f"Port {PORTS['api-gw'] + offset} (for api-gw)" in str(refusal.value)
    assert "ARLOJI_PORT_OFFSET=" in str(refusal.value)


def test_the_secret_is_for_its_owner_only_and_stays(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "var")
    folder.prepare()
    secret = folder.session_secret.read_text().strip()
    assert len(secret) >= 32
    assert stat.S_IMODE(folder.session_secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.session_secret.parent.stat().st_mode) == 0o700
    folder.prepare()
    assert folder.session_secret.read_text().strip() == secret


@pytest.mark.parametrize("left", [b"", b"\n", bytes(65), b"half"])
def test_a_secret_that_an_interruption_left_unusable_is_made_anew(
    tmp_path: Path, left: bytes
) -> None:
    folder = DataFolder(tmp_path)
    folder.session_secret.parent.mkdir()
    folder.session_secret.write_bytes(left)
    folder.prepare()
    assert len(folder.session_secret.read_text().strip()) >= 32
    assert stat.S_IMODE(folder.session_secret.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("there", "mode"), [(None, 0o700), ("", 0o700), ("run/lock", 0o700), ("photos/me.jpg", 0o755)]
)
def test_the_folder_is_private_unless_other_things_are_in_it(
    tmp_path: Path, there: str | None, mode: int
) -> None:
    folder = DataFolder(tmp_path / "var")
    if there is not None:
        folder.path.mkdir(mode=0o755)
        if there:
            (folder.path / there).parent.mkdir()
            (folder.path / there).touch()
    folder.prepare()
    assert stat.S_IMODE(folder.path.stat().st_mode) == mode


@pytest.mark.parametrize("place", ["a-file/var", "a-file"])
def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(StartRefused, match="ARLOJI_DATA") as refusal:
        DataFolder(tmp_path / place).prepare()
    assert "\n" not in str(refusal.value)


def test_a_folder_in_use_names_who_uses_it(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.prepare()
    held = folder.lock(refuse_waiting)
    with pytest.raises(StartRefused, match=f"process {os.getpid()}"):
        folder.lock(refuse_waiting)
    os.close(held)
    os.close(folder.lock(refuse_waiting))


@pytest.mark.parametrize("text", [b"\xff\xfe garbage", b"", bytes(20)])
def test_a_torn_lock_file_is_held_by_somebody_unknown_or_by_nobody(
    tmp_path: Path, text: bytes
) -> None:
    folder = DataFolder(tmp_path)
    folder.prepare()
    held = folder.lock(refuse_waiting)
    os.truncate(held, 0)
    os.pwrite(held, text, 0)
    with pytest.raises(StartRefused, match="in use by another run") as refusal:
        folder.lock(refuse_waiting)
    assert str(refusal.value).isprintable()
    os.close(held)
    os.close(folder.lock(refuse_waiting))


def test_a_lock_file_that_cannot_be_opened_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.prepare()
    (tmp_path / "run" / "lock").mkdir()
    with pytest.raises(StartRefused, match="is a directory"):
        folder.lock(refuse_waiting)


def test_pids_of_a_machine_that_lost_power_are_forgotten(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.prepare()
    for name in ("frontend.pid", "consumer.pid.new"):
        (tmp_path / "run" / name).write_text("1\n")
    os.close(folder.lock(refuse_waiting))
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["lock"]


def test_what_a_killed_run_left_is_waited_for(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.prepare()
    held = folder.lock(refuse_waiting)
    # The owner is gone; a child still holds the lock.
    os.truncate(held, 0)
    os.pwrite(held, b"999999999\n", 0)
    waited = []

    def let_go() -> None:
        waited.append(True)
        os.close(held)

    os.close(folder.lock(let_go))
    assert waited == [True]
