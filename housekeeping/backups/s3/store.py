"""Backups below a prefix of a bucket. A backup is there once its manifest is, which comes last and
goes first."""

import shutil
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from housekeeping.backups.folder import VERIFYING, remove_unfinished, write_whole
from housekeeping.backups.manifest import StoredFile
from housekeeping.backups.s3.bucket import Bucket, Refused
from housekeeping.backups.s3.lease import Lease
from housekeeping.backups.s3.transfer import abort, download, put, upload
from housekeeping.backups.store import IS_NAME, MANIFEST
from housekeeping.failures import CouldNot
from housekeeping.lock import locked
from housekeeping.settings import HousekeepingSettings
from housekeeping.work_folder import work_folder


class S3Store:
    """Two in one folder of work are kept apart by its lock, two machines by a lease."""

    def __init__(self, settings: HousekeepingSettings) -> None:
        self.work = settings.backup_directory
        self._bucket = Bucket(settings)
        self._lease: Lease | None = None

    def __str__(self) -> str:
        return str(self._bucket)

    def require(self) -> None:
        self.prepare()

    def prepare(self) -> None:
        self.work.mkdir(mode=0o700, parents=True, exist_ok=True)

    def free(self) -> int | None:
        return None

    def files(self) -> Mapping[str, Mapping[str, int]]:
        return {name: files for name, files in self._list().items() if MANIFEST in files}

    def read(self, name: str, file: str) -> bytes:
        try:
            return self._bucket.read(self._bucket.key(name, file))[0]
        except Refused as error:
            if error.is_not_there:
                raise FileNotFoundError(f"{name}/{file}") from None
            raise

    def write(self, name: str, file: str, text: str) -> None:
        put(self._bucket, self._bucket.key(name, file), text.encode())

    def forget(self, name: str, file: str) -> None:
        self._bucket.call("delete_object", Key=self._bucket.key(name, file))

    @contextmanager
    def fetched(self, name: str, files: Sequence[StoredFile]) -> Iterator[Path]:
        """Copies, gone afterwards: a program that decrypts needs a file, and a connection that
        breaks does not end a restore."""
        with work_folder(self.work, VERIFYING) as place:
            for file in files:
                path = place / file.name
                try:
                    download(self._bucket, self._bucket.key(name, file.name), path)
                except Refused as error:
                    if not error.is_not_there:
                        raise
                    path.unlink()
            yield place

    def finish(self, unfinished: Path, name: str, files: Sequence[str], manifest: str) -> None:
        for file in files:
            upload(self._bucket, self._bucket.key(name, file), unfinished / file)
        self._require_lease()
        put(self._bucket, self._bucket.key(name, MANIFEST), manifest.encode())
        shutil.rmtree(unfinished)

    def remove(self, name: str) -> None:
        self._require_lease()
        self.forget(name, MANIFEST)
        for file in self._list(f"{name}/").get(name, {}):
            self.forget(name, file)

    def remove_leftovers(self) -> list[str]:
        """What the account may not remove stays, and is said: it costs no backup."""
        removed = remove_unfinished(self.work)
        try:
            for name, files in self._list().items():
                if MANIFEST not in files:
                    for file in files:
                        self.forget(name, file)
                    removed.append(name)
            prefix = self._bucket.below
            for one in self._bucket.pages("list_multipart_uploads", "Uploads", Prefix=prefix):
                # Of stores that take the prefix for no more than a wish.
                if one["Key"].startswith(prefix) and abort(
                    self._bucket, one["Key"], one["UploadId"]
                ):
                    removed.append(f"the upload of {one['Key']}")
        except Refused as error:
            print(f"not all that is unfinished could be removed: {error}", file=sys.stderr)
        return removed

    @contextmanager
    def locked(self, purpose: str, command: str, *, shared: bool = False) -> Iterator[None]:
        """Readers need none among machines: what is removed while they read is an error of
        theirs, and no damage."""
        with locked(self.work, purpose, command, shared=shared):
            if shared or purpose == "reading":
                yield
                return
            key = self._bucket.key(f".{purpose}.lock")
            with Lease(self._bucket, key, command, self._place()).held() as self._lease:
                yield

    def _require_lease(self) -> None:
        if self._lease is None:
            raise CouldNot(f"{self} is changed without its lock")
        self._lease.require()

    def _place(self) -> str:
        path = self.work / ".place"
        try:
            return path.read_text(encoding="ascii")
        except FileNotFoundError:
            write_whole(path, uuid.uuid4().hex)
            return path.read_text(encoding="ascii")

    def _list(self, below: str = "") -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = defaultdict(dict)
        start = self._bucket.below
        for one in self._bucket.pages("list_objects_v2", "Contents", Prefix=start + below):
            name, _, file = str(one["Key"]).removeprefix(start).partition("/")
            if file and IS_NAME.match(name):
                found[name][file] = int(one["Size"])
        return found
