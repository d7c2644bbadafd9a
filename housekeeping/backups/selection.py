"""Which backup is restored or tried: the newest that is good now."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from housekeeping.backups.encryption import Decryption
from housekeeping.backups.manifest import Manifest
from housekeeping.backups.store import Backup, Store
from housekeeping.backups.verify import choose, verify_and_note
from housekeeping.failures import CouldNot


@contextmanager
def chosen_good(
    store: Store,
    name: str | None,
    decryption: Decryption,
    fits: Callable[[Manifest], bool] = lambda _: True,
) -> Iterator[tuple[Backup, Manifest, Path]]:
    """With the folder that its files are in. Each is verified before it is chosen; a damaged one
    is passed over, as are those that do not fit; one that was asked for is refused. Raises
    `CouldNot`."""
    candidates = choose(store, [name]) if name else reversed(choose(store, [], every=True))
    for backup in candidates:
        manifest = backup.manifest
        if manifest and not fits(manifest):
            continue
        if manifest and not decryption.can_read(manifest.encryption):
            raise CouldNot(
                f"{backup.name} is encrypted with {manifest.encryption}:"
                " set BACKUP_IDENTITY_FILE to its private key"
            )
        with backup.fetched() as place:
            faults = verify_and_note(backup, place, decryption)
            if manifest and not faults:
                yield backup, manifest, place
                return
        print(f"{backup.name} is damaged, passed over: {'; '.join(faults)}", file=sys.stderr)
    raise CouldNot(f"no backup in {store} is good and old enough: `status` shows each")
