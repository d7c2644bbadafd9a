"""Restore the newest good backup, or a named one, into the database.

Says first what it will do. The backup is verified, loaded beside the database in use, compared row
by row with its manifest, and then put in place at once; what was there is kept beside it. After
that the keys of recent orders are cleared in the queue, so that a retry orders again, and
`reconcile` names the orders that were accepted after the backup. Stop the consumers first.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from contracts.queue import CONSUMERS, ORDERS
from database.revision import newest_revision
from database.schema import known_revisions
from housekeeping.backups.binary_logs.replay import Replay, Until, prepared
from housekeeping.backups.encryption import Decryption
from housekeeping.backups.manifest import Manifest
from housekeeping.backups.places import open_store
from housekeeping.backups.restored import Restored, write_restored
from housekeeping.backups.restored_queue import write_queue
from housekeeping.backups.selection import chosen_good
from housekeeping.backups.store import Store
from housekeeping.backups.streams import opened
from housekeeping.backups.targets import Target, open_target
from housekeeping.backups.verify import differences
from housekeeping.failures import CouldNot
from housekeeping.queue_contents import clear_keys, open_queue
from housekeeping.result import add_json_argument, show
from housekeeping.settings import HousekeepingSettings

# A consumer asks for orders every two seconds.
_AT_WORK_MILLISECONDS = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="of the backup; without, the newest good one")
    parser.add_argument(
        "--replace", action="store_true", help="a database that has orders may be replaced"
    )
    parser.add_argument(
        "--until",
        type=Until.parse,
        metavar="TIME",
        help="go on from the backup to this moment (2026-11-28T05:00:00Z, a position like"
        " binlog.000007:1234, or `latest`) by the binary logs that `archive-logs` copied",
    )
    parser.add_argument(
        "--queue-to",
        type=Path,
        metavar="FOLDER",
        help="instead: write the queue's copy into this empty folder, as a Redis starts from it",
    )
    parser.add_argument(
        "--clear-keys", action="store_true", help="instead: only clear the keys of recent orders"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    add_json_argument(parser)


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    """1 if the database is restored and the keys could not be cleared."""
    if options.clear_keys:
        return _only_clear_keys(options, settings)
    store = open_store(settings)
    store.require()
    decryption = Decryption(settings.backup_identity.get_secret_value())
    with (
        store.locked("reading", "restore", shared=True),
        store.locked("restoring", "restore"),
        chosen_good(store, options.name, decryption, _fitting(options.until)) as (
            _,
            manifest,
            place,
        ),
        _replay(store, manifest, decryption, options.until) as replay,
    ):
        if options.queue_to:
            return write_queue(place, manifest, decryption, options)
        return _restore_guarded((place, replay), manifest, decryption, options, settings)


def _fitting(until: Until | None) -> Callable[[Manifest], bool]:
    return until.is_after if until else lambda _: True


@contextmanager
def _replay(
    store: Store, manifest: Manifest, decryption: Decryption, until: Until | None
) -> Iterator[Replay | None]:
    if until is None:
        yield None
    else:
        with prepared(store, manifest, until, decryption) as replay:
            yield replay


def _restore_guarded(
    source: tuple[Path, Replay | None],
    manifest: Manifest,
    decryption: Decryption,
    options: argparse.Namespace,
    settings: HousekeepingSettings,
) -> int:
    began = time.monotonic()
    target = open_target(settings.restore_database_url or settings.database_url)
    plan = _plan(manifest, target, replace=options.replace)
    if source[1]:
        target.require_replay()
        plan.insert(1, f"logs     {len(source[1].logs)} binary logs, until {options.until}")
    print(*plan, sep="\n", file=sys.stderr)
    if options.dry_run:
        show({"dry_run": True, "would": plan}, ["nothing was changed"], as_json=options.json)
        return 0
    _require_no_consumer(settings.queue_redis_url)
    previous = _restore(source, manifest, target, decryption)
    restored = Restored.of(manifest, previous, datetime.now(UTC))
    write_restored(settings.backup_directory, restored)
    keys = _clear_keys(settings.queue_redis_url)
    seconds = time.monotonic() - began
    result = {
        **{"name": manifest.name, "target": target.describe(), "previous": previous},
        **{"keys_cleared": keys, "seconds": round(seconds, 3)},
    }
    show(result, _conclude(restored, keys, manifest), as_json=options.json)
    return 1 if keys is None else 0


def _plan(manifest: Manifest, target: Target, *, replace: bool) -> list[str]:
    """Raises `CouldNot` if it must not be done."""
    if manifest.kind is not target.kind:
        raise CouldNot(f"{manifest.name} is of {manifest.kind}, and the target is {target.kind}")
    if manifest.schema_revision not in known_revisions():
        raise CouldNot(
            f"{manifest.name} has schema revision {manifest.schema_revision}, which this version"
            " does not know: restore it with the version that made it"
        )
    present = target.read()
    if not replace and (present is None or not present.is_empty):
        raise CouldNot(
            f"{target.describe()} has {present or 'content that cannot be read'}:"
            " with --replace it is put aside, and restored from the backup"
        )
    stored = manifest.tables.get("orders")
    return [
        f"backup   {manifest.name}: {stored.rows if stored else 0} orders,"
        f" {manifest.rows} rows, as of {manifest.snapshot_at.isoformat(timespec='seconds')}",
        f"target   {target.describe()}: {present or 'cannot be read'}, which is put aside",
        "queue    keys of recent orders are cleared; what waits there stays and is stored later",
    ]


def _require_no_consumer(url: str) -> None:
    """What a consumer stored between loading and putting in place would be put aside with it."""
    try:
        with open_queue(url) as client:
            found: Any = client.xinfo_consumers(ORDERS, CONSUMERS)
    except RedisError:
        # No stream, no group; a queue that is away is said at the end, with its keys.
        return
    if any(consumer["idle"] < _AT_WORK_MILLISECONDS for consumer in found):
        raise CouldNot("a consumer is storing orders: stop all of them, wait 10 s and repeat")


def _restore(
    source: tuple[Path, Replay | None], manifest: Manifest, target: Target, decryption: Decryption
) -> str | None:
    place, replay = source
    print("… loading beside the database in use", file=sys.stderr)
    with opened(place, manifest.database, decryption) as content:
        tables, revision = target.fill(content)
    if wrong := differences(manifest, tables, revision):
        raise CouldNot(f"what was loaded is not what was backed up, nothing changed: {wrong[0]}")
    if replay:
        print("… going on by the binary logs", file=sys.stderr)
        target.replay(replay)
    print("… putting it in place", file=sys.stderr)
    return target.swap()


def _clear_keys(url: str) -> int | None:
    try:
        with open_queue(url) as client:
            return clear_keys(client)
    except RedisError as error:
        print(f"keys of recent orders not cleared: {error}", file=sys.stderr)
        return None


def _only_clear_keys(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    with open_queue(settings.queue_redis_url) as client:
        keys = clear_keys(client)
    show({"keys_cleared": keys}, [f"{keys} keys of recent orders cleared"], as_json=options.json)
    return 0


def _conclude(restored: Restored, keys: int | None, manifest: Manifest) -> list[str]:
    lines = [f"restored {restored.name}"]
    if restored.previous:
        lines.append(f"what was there before is in {restored.previous}: remove it when it may go")
    if manifest.schema_revision != newest_revision():
        lines.append("its schema is older than this version: run `python -m database upgrade`")
    if keys is None:
        lines.append("KEYS NOT CLEARED: until `restore --clear-keys` a retry orders nothing")
    else:
        lines.append(f"{keys} keys of recent orders cleared")
    lines.append("start the consumers, and run `reconcile` when the queue has drained")
    return lines
