"""Files of a backup: compressed, perhaps encrypted, written and read as streams in constant
memory."""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from housekeeping.backups.encryption import Decryption, Encryption
from housekeeping.backups.manifest import StoredFile
from housekeeping.failures import CouldNot
from housekeeping.result import human_size

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK = 1 << 20
# A frame carries a checksum of its content: what is damaged does not decompress.
_OPTIONS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 3,
    zstd.CompressionParameter.checksum_flag: 1,
}


class Damage(Exception):
    """The content of a backup is not what was written; the message says in what way."""


def store(content: Iterable[bytes], path: Path, encryption: Encryption) -> StoredFile:
    """Write `path` with the endings that tell how to read it. The checksum is that of what can be
    read back, not of what was meant to be written."""
    path = path.with_name(f"{path.name}.zst{encryption.ending}")
    size = 0
    compressor = zstd.ZstdCompressor(options=_OPTIONS)
    with path.open("xb") as file, encryption.into(file) as target:
        for chunk in content:
            size += len(chunk)
            target.write(compressor.compress(chunk))
        target.write(compressor.flush())
    return StoredFile(
        name=path.name, size=path.stat().st_size, sha256=checksum(path), content_size=size
    )


def read_file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(folder: Path, file: StoredFile) -> None:
    """Raises `Damage` if it is not the file that was stored."""
    path = folder / file.name
    if not path.is_file():
        raise Damage(f"{file.name} is missing")
    if (size := path.stat().st_size) != file.size:
        raise Damage(f"{file.name} has {size} bytes instead of {file.size}")
    if checksum(path) != file.sha256:
        raise Damage(f"{file.name} does not fit its checksum")


@contextmanager
def opened(folder: Path, file: StoredFile, decryption: Decryption) -> Iterator[Iterator[bytes]]:
    """Its content, piece by piece. Raises `Damage` when there is less or other content than was
    stored, once the end has been read."""
    with ExitStack() as stack:
        stored = stack.enter_context((folder / file.name).open("rb"))
        source = stack.enter_context(decryption.out_of(stored, file.name))
        yield _decompressed(iter(lambda: source.read(CHUNK), b""), file)


def _decompressed(stored: Iterator[bytes], file: StoredFile) -> Iterator[bytes]:
    decompressor, size = zstd.ZstdDecompressor(), 0
    try:
        for chunk in stored:
            given = chunk
            while not decompressor.eof:
                content = decompressor.decompress(given, max_length=CHUNK)
                given = b""
                size += len(content)
                if content:
                    yield content
                if decompressor.needs_input:
                    break
    except zstd.ZstdError as error:
        raise Damage(f"{file.name} cannot be decompressed: {error}") from None
    if not decompressor.eof or size != file.content_size:
        raise Damage(f"{file.name} ends after {size} bytes of {file.content_size}")


def write_content(content: Iterable[bytes], path: Path) -> None:
    with path.open("wb") as file:
        for chunk in content:
            file.write(chunk)


def require_room(folder: Path, needed: int, free: int) -> None:
    if free < needed:
        raise CouldNot(
            f"{folder} has {human_size(free)} left and about {human_size(needed)} are needed:"
            " free some, or name another folder"
        )
