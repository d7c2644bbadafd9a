"""What the stack needs before its first start is made once, and kept."""

import os
from pathlib import Path

import pytest

from bootstrap import volumes
from bootstrap.__main__ import main
from bootstrap.credentials import READERS


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, int]]:
    """Who was given what: an ordinary user may give nothing away."""
    given: dict[str, tuple[int, int]] = {}

    def note(path: str | os.PathLike[str], user_id: int, group_id: int) -> None:
        given[os.fspath(path)] = (user_id, group_id)

    monkeypatch.setattr(os, "chown", note)
    return given


@pytest.fixture
def folder(tmp_path: Path, owners: dict[str, tuple[int, int]]) -> Path:
    """As compose mounts it: one volume for each."""
    for name in (volumes.MASTER, *(reader.name for reader in READERS)):
        (tmp_path / "secrets" / name).mkdir(parents=True)
    for name in volumes.LOG_WRITERS:
        (tmp_path / "logs" / name).mkdir(parents=True)
    for name in (*volumes.DATA_OWNERS, volumes.JOB_METRICS):
        (tmp_path / "data" / name).mkdir(parents=True)
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_each_reader_gets_its_files_and_nobody_else_can_open_them(
    folder: Path, owners: dict[str, tuple[int, int]]
) -> None:
    volumes.prepare_secrets(folder / "secrets")
    for reader in READERS:
        own = folder / "secrets" / reader.name
        assert {path.name for path in own.iterdir()} == set(reader.files)
        assert mode(own) == 0o500
        assert owners[os.fspath(own)][0] == reader.user_id
        for path in own.iterdir():
            assert mode(path) == 0o400
            # Given away before it gets its name.
            assert owners[os.fspath(path.with_name(f".{path.name}.new"))][0] == reader.user_id
    assert mode(folder / "secrets" / volumes.MASTER) == 0o700


def test_a_secret_is_on_the_disk_before_it_has_its_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut leaves no empty file that looks like a secret."""
    did: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _descriptor: did.append("synced"))
    replace = Path.replace

    def note(path: Path, target: Path) -> Path:
        did.append("named")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", note)
    outcome = volumes.prepare_secrets(folder / "secrets")
    assert did == ["synced", "named"] * (1 + len(outcome.written))


def test_a_second_run_makes_only_what_was_lost_and_with_the_same_secret(folder: Path) -> None:
    volumes.prepare_secrets(folder / "secrets")
    before = contents(folder)
    assert volumes.prepare_secrets(folder / "secrets").written == ()
    assert contents(folder) == before
    lost = folder / "secrets" / "publisher" / "queue_redis_url"
    lost.parent.chmod(0o700)
    lost.unlink()
    assert volumes.prepare_secrets(folder / "secrets").written == ("publisher/queue_redis_url",)
    assert contents(folder) == before


def test_what_a_killed_run_or_an_older_version_left_is_removed(folder: Path) -> None:
    half = folder / "secrets" / "publisher" / ".queue_redis_url.new"
    half.write_text("half a sec")
    half.chmod(0o400)
    older = folder / "secrets" / "accounts" / "accounts.sql"
    older.write_text("IDENTIFIED BY 'still good'")
    volumes.prepare_secrets(folder / "secrets")
    assert not half.exists()
    assert not older.exists()
    assert (half.with_name("queue_redis_url")).read_text().startswith("redis://publisher:")


def test_only_a_rotation_replaces_secrets(folder: Path) -> None:
    volumes.prepare_secrets(folder / "secrets")
    before = contents(folder)
    outcome = volumes.prepare_secrets(folder / "secrets", renew=True)
    after = contents(folder)
    assert "frontend/session_secret" in outcome.written
    sessions = "secrets/frontend/session_secret"
    assert after[sessions].splitlines()[1] == before[sessions].strip()
    assert after["secrets/mysql/root_password"] == before["secrets/mysql/root_password"]


def test_a_rotation_that_stopped_half_way_is_gone_on_with(folder: Path) -> None:
    volumes.prepare_secrets(folder / "secrets", renew=True)
    half_way = contents(folder)
    assert volumes.prepare_secrets(folder / "secrets", renew=True).written == ()
    volumes.prepare_secrets(folder / "secrets")
    assert contents(folder) == half_way
    assert volumes.prepare_secrets(folder / "secrets", finish=True).written == ()
    assert volumes.prepare_secrets(folder / "secrets", renew=True).written != ()


def test_a_volume_that_is_not_mounted_is_named(folder: Path) -> None:
    missing = folder / "secrets" / "consumer"
    missing.rmdir()
    with pytest.raises(volumes.FolderMissing, match="consumer is not there"):
        volumes.prepare_secrets(folder / "secrets")


def test_log_and_data_folders_are_their_writers_and_logs_readable_by_the_collectors_group(
    folder: Path, owners: dict[str, tuple[int, int]]
) -> None:
    volumes.prepare_log_folders(folder / "logs")
    volumes.prepare_data_folders(folder / "data")
    group = volumes.LOG_READERS_GROUP_ID
    expected = {
        **{f"logs/{name}": (user, group) for name, user in volumes.LOG_WRITERS.items()},
        **{f"data/{name}": (user, user) for name, user in volumes.DATA_OWNERS.items()},
    }
    assert {path: owners[os.fspath(folder / path)] for path in expected} == expected
    assert {mode(folder / path) for path in expected} == {0o750}
    # Whoever rotates logs may write there, and anybody may read.
    shared = folder / "data" / volumes.JOB_METRICS
    assert (owners[os.fspath(shared)], mode(shared)) == ((0, group), 0o775)


def test_the_command_does_all_of_it_and_says_what(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "data/collector/queue").write_bytes(b"none of a collector's")
    secrets = []
    for option in ([], ["--rotate"], ["--rotate"], ["--finish-rotation"], ["--rotate"]):
        assert main([str(folder), *option]) == 0
        secrets.append((folder / "secrets/frontend/session_secret").read_text().split())
    first, second, third = secrets[0][0], secrets[1][0], secrets[4][0]
    assert secrets == [[first], *[[second, first]] * 3, [third, second]]
    assert (folder / "data/collector/queue.torn").exists()
    said = capsys.readouterr().out
    assert said.count("put aside collector/queue, ") == 1
    # `make upgrade` restarts Redis by this word.
    assert said.count("wrote queue-redis/users.acl\n") == 3
    assert mode(folder / "logs/nginx") == mode(folder / "data/audit") == 0o750
