"""Encrypted backups are read by nobody without the private key, and by its owner as any other."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from housekeeping.backups.encryption import Encryption
from housekeeping.failures import CouldNot
from tests.integration.housekeeping.shop import BOTH_PLACES, Shop
from tests.servers import find_program


@pytest.fixture(scope="module", params=["age", "gpg"])
def keys(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Path]]:
    """Files of a public and of a private key."""
    folder = tmp_path_factory.mktemp("keys")
    public, private = folder / "public", folder / "private"
    if request.param == "age":
        find_program("age")
        made = subprocess.run([find_program("age-keygen")], capture_output=True, check=True)
        private.write_bytes(made.stdout)
        (line,) = [one for one in made.stdout.decode().splitlines() if "public key: " in one]
        public.write_text(line.partition("public key: ")[2])
        yield public, private
        return
    gpg = [find_program("gpg"), "--batch", "--quiet", "--homedir", str(folder)]
    folder.chmod(0o700)
    make = ["--passphrase", "", "--quick-gen-key", "backup@example.com", "future-default"]
    for command in ([*make], ["--armor", "--export"], ["--armor", "--export-secret-keys"]):
        done = subprocess.run([*gpg, *command], capture_output=True, check=True)
        {"--export": public, "--export-secret-keys": private}.get(
            command[-1], folder / "nothing"
        ).write_bytes(done.stdout)
    yield public, private
    subprocess.run(["gpgconf", "--homedir", str(folder), "--kill", "all"], check=False)


@BOTH_PLACES
def test_only_who_has_the_private_key_reads_a_backup(
    kept_shop: Shop,
    keys: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    public, private = keys
    monkeypatch.setenv("BACKUP_RECIPIENT_FILE", str(public))
    assert kept_shop.run("backup")["encryption"] in {"age", "gpg"}
    backup = kept_shop.backups()[-1]
    for path in kept_shop.path(backup).iterdir():
        assert b"sari@example.com" not in path.read_bytes()
        # The magic number of what is only compressed.
        assert not path.read_bytes().startswith(b"\x28\xb5\x2f\xfd")
    (found,) = kept_shop.run("verify")["backups"]
    assert (found["level"], found["faults"]) == ("checksums", [])
    for command in (("restore", "--replace"), ("drill", "--work", str(tmp_path))):
        assert "BACKUP_IDENTITY_FILE" in kept_shop.run(*command, code=2)
    monkeypatch.setenv("BACKUP_IDENTITY_FILE", str(private))
    (found,) = kept_shop.run("verify")["backups"]
    assert (found["level"], found["faults"]) == ("contents", [])
    kept_shop.run("drill", "--work", str(tmp_path / "work"))


def test_a_key_that_is_none_is_refused_before_anything_is_written(
    kept_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, complaint in (("nonsense", "neither a key"), ("age1nonsense", "age failed")):
        monkeypatch.setenv("BACKUP_RECIPIENT", key)
        assert complaint in kept_shop.run("backup", code=2)
    assert kept_shop.backups() == []
    assert list(kept_shop.folder.glob(".unfinished-*")) == []


def test_the_kind_of_a_key_is_seen_in_it() -> None:
    assert Encryption("").method == "none"
    assert Encryption("# remark\nage1abc").method == "age"
    assert Encryption("-----BEGIN PGP PUBLIC KEY BLOCK-----\n").method == "gpg"
    with pytest.raises(CouldNot):
        _ = Encryption("secret").method
