"""Backups in a store that speaks S3 are as whole, as locked and as clear in their complaints as
those in a folder."""

import os
import random
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from housekeeping.backups.s3 import bucket, lease, transfer
from housekeeping.backups.s3.store import S3Store
from housekeeping.failures import CouldNot
from housekeeping.settings import HousekeepingSettings
from local.free_port import free_port
from tests.integration.housekeeping.s3_server import KEEPER, S3Server
from tests.integration.housekeeping.shop import Shop
from tests.integration.housekeeping.test_purging import aged
from tools.cluster.pki import Authority

pytestmark = [
    pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True),
    pytest.mark.parametrize("place", ["s3"], indirect=True),
]
PURGE_ALL_BUT_ONE = ("purge-backups", "--daily", "1", "--weekly", "0", "--monthly", "0")


def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """The same place in the store, seen by another machine."""
    with monkeypatch.context() as patch:
        patch.setenv("BACKUP_DIRECTORY", str(tmp_path / "elsewhere"))
        store = S3Store(HousekeepingSettings())
    store.prepare()
    return store


@pytest.fixture(autouse=True)
def _quick_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses in which a store may recover, and the smallest parts that a store takes."""
    monkeypatch.setattr(bucket, "_ATTEMPTS", 1)
    monkeypatch.setattr(transfer, "_PART", 5 << 20)


def test_a_large_file_goes_in_parts_and_comes_back_as_it_was(
    kept_shop: Shop, tmp_path: Path
) -> None:
    place, content = bucket.Bucket(HousekeepingSettings()), random.randbytes(11 << 20)
    (tmp_path / "large").write_bytes(content)
    transfer.upload(place, place.key("large"), tmp_path / "large")
    transfer.download(place, place.key("large"), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    answer = place.call("head_object", Key=place.key("large"), ChecksumMode="ENABLED")
    assert answer["ChecksumSHA256"].endswith("-3")


def test_the_store_refuses_what_was_changed_on_its_way(
    kept_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_digest", lambda _: "A" * 43 + "=")
    place = bucket.Bucket(HousekeepingSettings())
    for size in (1, 6 << 20):
        (tmp_path / "file").write_bytes(bytes(size))
        with pytest.raises(CouldNot, match="did not match"):
            transfer.upload(place, place.key("file"), tmp_path / "file")


def test_a_store_that_goes_away_in_the_middle_has_no_half_backup(
    kept_shop: Shop,
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = kept_shop.backup()
    # What does not compress, so that it goes in parts.
    kept_shop.queue.set("large", random.randbytes(12 << 20))
    upload, calls = bucket.Bucket.call, []

    def leave(self: bucket.Bucket, operation: str, **arguments: object) -> object:
        calls.append(operation)
        if calls.count("upload_part") == 2 and s3_server.is_running:
            s3_server.kill()
        return upload(self, operation, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(bucket.Bucket, "call", leave)
        assert "does not answer" in kept_shop.run("backup", code=2)
        assert "does not answer" in kept_shop.run("status", code=2)
    s3_server.start()
    assert [one.name for one in kept_shop.backups()] == [first.name]
    assert len(s3_server.uploads()) == 1
    assert list(kept_shop.store.work.glob(".unfinished-*")) == []
    kept_shop.run("backup")
    assert s3_server.uploads() == []
    assert (
        len(list(kept_shop.folder.glob("*/database*")))
        + len(list(kept_shop.folder.glob("*/arloji.db*")))
        == len(kept_shop.backups())
        == 2
    )


def test_a_connection_that_breaks_does_not_end_a_download(
    kept_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.response import StreamingBody

    place, content = bucket.Bucket(HousekeepingSettings()), random.randbytes(24 << 20)
    transfer.put(place, place.key("file"), content)
    chunks: Callable[..., object] = StreamingBody.iter_chunks
    broken: list[int] = []

    def break_once(self: StreamingBody, size: int) -> object:
        for number, chunk in enumerate(chunks(self, size)):  # type: ignore[arg-type, var-annotated]
            if number == 1 and len(broken) < 2:
                broken.append(number)
                self._raw_stream._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)
            yield chunk

    monkeypatch.setattr(StreamingBody, "iter_chunks", break_once)
    transfer.download(place, place.key("file"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == content
    assert len(broken) == 2


def test_complaints_name_what_is_wrong(kept_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    kept_shop.backup()
    for name, value, complaint in (
        ("BACKUP_S3_SECRET_ACCESS_KEY", "wrong", "does not accept the credentials"),
        ("BACKUP_S3_ACCESS_KEY_ID", "nobody", "does not accept the credentials"),
        ("BACKUP_S3_ACCESS_KEY_ID", "", "one is missing"),
        ("BACKUP_S3_URL", "s3://nothing-here/x", "there is no bucket nothing-here"),
        ("BACKUP_S3_ENDPOINT", f"http://127.0.0.1:{free_port()}", "does not answer"),
        ("BACKUP_S3_URL", "https://example.com/x", "BACKUP_S3_URL"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            said = kept_shop.run(random.choice(("backup", "status", "verify")), code=2)
            assert complaint in said
            assert len(said.splitlines()) == 1
    now = datetime.now(UTC)
    monkeypatch.setattr(
        "botocore.auth.get_current_datetime", lambda **_: now.replace(tzinfo=None) - timedelta(1)
    )
    assert "the clock here" in kept_shop.run("status", code=2)


def test_without_any_credentials_it_says_how_to_give_them(
    kept_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*os.environ]:
        if name.startswith(("AWS_", "BACKUP_S3_ACCESS", "BACKUP_S3_SECRET")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    assert "BACKUP_S3_ACCESS_KEY_ID_FILE" in kept_shop.run("status", code=2)


def test_an_account_that_may_not_delete_backs_up_and_purges_nothing(
    kept_shop: Shop, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_server.admit_keeper()
    monkeypatch.setenv("BACKUP_S3_ACCESS_KEY_ID", KEEPER[0])
    monkeypatch.setenv("BACKUP_S3_SECRET_ACCESS_KEY", KEEPER[1])
    old = aged(kept_shop, 3)
    (kept_shop.folder / "20260101T000000Z-sqlite").mkdir()
    (kept_shop.folder / "20260101T000000Z-sqlite" / "arloji.db.zst").touch()
    kept_shop.backup()
    said = kept_shop.run(*PURGE_ALL_BUT_ONE, code=2)
    assert "does not allow this account to delete object" in said.splitlines()[-1]
    assert [one.is_good for one in kept_shop.backups()] == [True, True]
    assert kept_shop.run("restore", old.name, "--replace")["name"] == old.name


def test_half_of_a_removed_backup_is_none_and_goes_with_the_next_purge(
    kept_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, newest = aged(kept_shop, 3), kept_shop.backup()
    call, deleted = bucket.Bucket.call, []

    def leave(self: bucket.Bucket, operation: str, **arguments: object) -> object:
        if operation == "delete_object":
            deleted.append(arguments["Key"])
            if len(deleted) == 2:
                raise CouldNot("the store went away")
        return call(self, operation, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(bucket.Bucket, "call", leave)
        assert "went away" in kept_shop.run(*PURGE_ALL_BUT_ONE, code=2)
    assert list(kept_shop.path(old).iterdir())
    assert [one.name for one in kept_shop.backups()] == [newest.name]
    kept_shop.run(*PURGE_ALL_BUT_ONE)
    assert not kept_shop.path(old).exists()


def test_another_machine_is_kept_out_and_named(
    kept_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_shop.backup()
    with elsewhere(tmp_path, monkeypatch).locked("writing", "other"):
        for command in ("backup", "purge-backups"):
            assert f"`other` (process {os.getpid()} on " in kept_shop.run(command, code=2)
        kept_shop.run("verify")
        # Long after its holder was cut off.
        monkeypatch.setattr(lease, "_ENDS_AFTER_SECONDS", -60)
        kept_shop.run("backup")
    monkeypatch.undo()


def test_whoever_was_taken_over_finishes_nothing(
    kept_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_shop.backup()
    finish = S3Store.finish
    other = elsewhere(tmp_path, monkeypatch)

    def paused(self: S3Store, *arguments: object) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(lease, "_ENDS_AFTER_SECONDS", -60)
            with other.locked("writing", "other"):
                finish(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(S3Store, "finish", paused)
    assert "was taken over meanwhile by `other`" in kept_shop.run("backup", code=2)
    assert len(kept_shop.backups()) == 1


def test_what_a_killed_command_locked_does_not_hold_up_the_next_one_here(
    kept_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the same machine at once: its folder of work knows that the other is no more."""
    kept_shop.backup()
    store = S3Store(HousekeepingSettings())
    lease.Lease(store._bucket, store._bucket.key(".writing.lock"), "dead", store._place())._take()
    assert "`dead`" in complaint_of(elsewhere(tmp_path, monkeypatch))
    kept_shop.run("backup")


def complaint_of(store: S3Store) -> str:
    with pytest.raises(CouldNot) as caught, store.locked("writing", "late"):
        pass
    return str(caught.value)


def test_a_certificate_of_an_own_authority_is_trusted_when_it_is_named(
    kept_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("server", "store", hosts=["127.0.0.1"])
    tls = ("--cert", str(pair.certificate), "--key", str(pair.key))
    (tmp_path / "tls").mkdir()
    with monkeypatch.context() as patch, S3Server(tmp_path / "tls", tls, "https") as server:
        patch.setenv("BACKUP_S3_CA_FILE", str(authority.files.certificate))
        patch.setenv("BACKUP_S3_ENDPOINT", server.url)
        assert "there is no bucket" in kept_shop.run("status", code=2)
        patch.delenv("BACKUP_S3_CA_FILE")
        assert "BACKUP_S3_CA_FILE" in kept_shop.run("status", code=2)
