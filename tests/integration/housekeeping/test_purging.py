"""Purging removes what retention does not keep, and nothing else."""

from datetime import timedelta

from housekeeping.backups.manifest import seal
from housekeeping.backups.store import Backup, read_backup
from tests.integration.housekeeping.shop import BOTH_PLACES, Shop
from tests.integration.housekeeping.test_backup import flip


def aged(shop: Shop, days: int) -> Backup:
    """A backup as it would be there after so many days."""
    backup = shop.backup()
    manifest = backup.manifest
    assert manifest is not None
    moment = manifest.started_at - timedelta(days=days)
    name = f"{moment:%Y%m%dT%H%M%SZ}-{manifest.kind}"
    changed = manifest.model_copy(update={"name": name, "snapshot_at": moment})
    (shop.path(backup) / "manifest.json").write_text(seal(changed))
    shop.path(backup).rename(shop.folder / name)
    return read_backup(shop.store, name)


def names(shop: Shop) -> list[str]:
    return [backup.name for backup in shop.backups()]


@BOTH_PLACES
def test_old_backups_go_after_a_dry_run_that_named_them(kept_shop: Shop) -> None:
    backups = [aged(kept_shop, days) for days in (400, 3, 2, 1)]
    retention = ("--daily", "2", "--weekly", "0", "--monthly", "0")
    said = kept_shop.run("purge-backups", *retention, "--dry-run")
    assert said["removed"] == [backup.name for backup in backups[:2]]
    assert len(names(kept_shop)) == 4
    done = kept_shop.run("purge-backups", *retention)
    assert done["removed"] == said["removed"]
    assert done["freed"] == said["freed"] > 0
    assert names(kept_shop) == done["kept"] == [backup.name for backup in backups[2:]]
    assert kept_shop.run("purge-backups", *retention)["removed"] == []


@BOTH_PLACES
def test_the_last_good_backup_outlives_damaged_newer_ones(kept_shop: Shop) -> None:
    good, bad = aged(kept_shop, 100), aged(kept_shop, 1)
    assert bad.manifest is not None
    flip(kept_shop.path(bad) / bad.manifest.database.name)
    kept_shop.run("verify", "--all", code=1)
    kept_shop.run("purge-backups", "--daily", "1", "--weekly", "0", "--monthly", "0")
    assert names(kept_shop) == [good.name, bad.name]
    (kept_shop.path(good) / "verified.json").unlink()
    kept_shop.run("purge-backups", "--daily", "0", code=1)
    assert names(kept_shop) == [good.name, bad.name]


@BOTH_PLACES
def test_files_of_others_stay(kept_shop: Shop) -> None:
    kept_shop.backup()
    for name in ("notes", "lost+found"):
        (kept_shop.folder / name).mkdir()
    (kept_shop.folder / "notes" / "a").touch()
    kept_shop.run("purge-backups", "--daily", "0", "--weekly", "0", "--monthly", "0")
    assert (kept_shop.folder / "notes" / "a").exists()
    assert (kept_shop.folder / "lost+found").exists()
    assert len(names(kept_shop)) == 1
