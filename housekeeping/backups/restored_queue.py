"""The queue's copy, as a Redis starts from it."""

import argparse
from pathlib import Path

from housekeeping.backups.encryption import Decryption
from housekeeping.backups.folder import sync
from housekeeping.backups.manifest import Manifest
from housekeeping.backups.streams import opened, write_content
from housekeeping.failures import CouldNot
from housekeeping.result import show


def write_queue(
    files: Path, manifest: Manifest, decryption: Decryption, options: argparse.Namespace
) -> int:
    place: Path = options.queue_to
    if manifest.queue is None:
        raise CouldNot(f"{manifest.name} has no copy of the queue: {manifest.queue_missing}")
    if place.exists() and any(place.iterdir()):
        raise CouldNot(f"{place} is not empty: move what is in it away first")
    line = f"{manifest.queue.entries} orders that waited, to {place}/appendonly.aof"
    if not options.dry_run:
        place.mkdir(parents=True, exist_ok=True)
        # Redis takes an RDB for the beginning of an append-only file, and makes its own folder of
        # one in the old place.
        unfinished = place / "appendonly.aof.new"
        with opened(files, manifest.queue.file, decryption) as content:
            write_content(content, unfinished)
        sync(unfinished)
        unfinished.rename(place / "appendonly.aof")
        sync(place)
    show({"name": manifest.name, "queue_to": str(place)}, [line], as_json=options.json)
    return 0
