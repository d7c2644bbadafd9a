"""Which backup is restored or tried: the newest that is good now."""

import sys
from pathlib import Path

from housekeeping.backups.encryption import Decryption
from housekeeping.backups.folder import Backup
from housekeeping.backups.manifest import Manifest
from housekeeping.backups.verify import choose, verify_and_note
from housekeeping.failures import CouldNot


def choose_good(folder: Path, name: str | None, decryption: Decryption) -> tuple[Backup, Manifest]:
    """Each is verified before it is chosen; a damaged one is passed over, and one that was asked
    for is refused. Raises `CouldNot`."""
    candidates = choose(folder, [name]) if name else reversed(choose(folder, [], every=True))
    for backup in candidates:
        manifest = backup.manifest
        if manifest and not decryption.can_read(manifest.encryption):
            raise CouldNot(
                f"{backup.name} is encrypted with {manifest.encryption}:"
                " set BACKUP_IDENTITY_FILE to its private key"
            )
        faults = verify_and_note(backup, decryption)
        if manifest and not faults:
            return backup, manifest
        print(f"{backup.name} is damaged, passed over: {'; '.join(faults)}", file=sys.stderr)
    raise CouldNot(f"no backup in {folder} is good: `status` says what each lacks")
