import os
import socket
import stat
from pathlib import Path

import pytest

from local.layout import DataFolder, StartRefused, require_free
from servicekit.embedded import PORTS, InvalidRun, Ports


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder, prepared."""
    one = DataFolder(tmp_path / "var")
    one.prepare()
    return one


def refuse_waiting() -> None:
    raise AssertionError("it waited")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("text", ["x", "1.5", "", "57445", "-4318"])
def test_every_port_moves_by_the_offset_and_one_that_leads_nowhere_is_refused(text: str) -> None:
    ports = Ports.from_text("100")
    assert {name: ports[name] - port for name, port in PORTS.items()} == dict.fromkeys(PORTS, 100)
    assert ports.url("frontend") == "http://127.0.0.1:8180"
    with pytest.raises(InvalidRun, match=r"\AARLOJI_PORT_OFFSET.*\Z"):
        Ports.from_text(text)


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartRefused, match=rf"Port {port} \(for api-gw\).*ARLOJI_PORT_OFFSET="):
            require_free(Ports(port - PORTS["api-gw"]), ["api-gw"])


@pytest.mark.parametrize("left", [None, b"", b"\n", bytes(65), b"half"])
def test_the_secret_is_for_its_owner_only_and_made_anew_only_if_unusable(
    tmp_path: Path, left: bytes | None
) -> None:
    folder = DataFolder(tmp_path / "var")
    if left is not None:  # by an interruption
        folder.session_secret.parent.mkdir(parents=True, mode=0o700)
        folder.session_secret.write_bytes(left)
    folder.prepare()
    secret = folder.session_secret.read_text().strip()
    assert len(secret) >= 32
    assert (mode(folder.session_secret), mode(folder.session_secret.parent)) == (0o600, 0o700)
    folder.prepare()
    assert folder.session_secret.read_text().strip() == secret


@pytest.mark.parametrize(
    ("there", "expected"),
    [(None, 0o700), ("", 0o700), ("run/lock", 0o700), ("photos/me.jpg", 0o755)],
)
def test_the_folder_is_private_unless_other_things_are_in_it(
    tmp_path: Path, there: str | None, expected: int
) -> None:
    folder = DataFolder(tmp_path / "var")
    if there is not None:
        folder.path.mkdir(mode=0o755)
        if there:
            (folder.path / there).parent.mkdir()
            (folder.path / there).touch()
    folder.prepare()
    assert mode(folder.path) == expected


@pytest.mark.parametrize("place", ["a-file/var", "a-file"])
def test_a_folder_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").touch()
    sentence = r"\AThe data folder .* \(.*(not a directory|file exists|is a directory)\): .*\Z"
    with pytest.raises(StartRefused, match=sentence):
        DataFolder(tmp_path / place).prepare()
    other = DataFolder(tmp_path / "other")
    other.lock_file.mkdir(parents=True)
    with pytest.raises(StartRefused, match=sentence):
        other.lock(refuse_waiting)


@pytest.mark.parametrize(
    ("written", "owner"),
    [
        (None, f"process {os.getpid()}"),
        *((text, "in use by another run") for text in (b"\xff\xfe garbage", b"", bytes(20))),
    ],
    ids=["whole", "garbage", "empty", "zeroes"],
)
def test_a_folder_in_use_names_who_uses_it_as_far_as_the_lock_file_says(
    folder: DataFolder, written: bytes | None, owner: str
) -> None:
    held = folder.lock(refuse_waiting)
    if written is not None:
        os.truncate(held, 0)
        os.pwrite(held, written, 0)
    with pytest.raises(StartRefused, match=owner) as refusal:
        folder.lock(refuse_waiting)
    assert str(refusal.value).isprintable()
    os.close(held)
    os.close(folder.lock(refuse_waiting))


def test_what_a_killed_run_left_is_waited_for_and_its_pids_are_forgotten(
    folder: DataFolder,
) -> None:
    for name in ("frontend.pid", "consumer.pid.new"):
        (folder.path / "run" / name).write_text("1\n")
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
    assert [file.name for file in (folder.path / "run").iterdir()] == ["lock"]
