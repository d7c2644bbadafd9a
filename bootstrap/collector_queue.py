"""The collector's queue after a power cut: a torn file would end each of its starts, since its own
`recreate` knows some kinds of damage only. Files are those of bbolt
(https://github.com/etcd-io/bbolt/blob/main/internal/common/meta.go).

`python collector_queue.py <folder>` is for Kubernetes, where no bootstrap does it: this file alone,
with nothing but the standard library."""

import fcntl
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

_PAGE_HEADER_BYTES = 16
# Magic, version, page size, flags, root page and its sequence, free list, number of pages,
# transaction, checksum.
_META = struct.Struct("<IIIIQQQQQQ")
_MAGIC, _VERSION = 0xED0CDAED, 2
_PAGE_SIZES = (4096, 16384, 65536)
_ASIDE = ".torn"


def put_torn_files_aside(folder: Path) -> list[str]:
    """Rename each torn file, so that the collector makes a new one; returns their names. A file
    that a running collector has open is left alone."""
    torn = [path for path in sorted(folder.iterdir()) if path.is_file() and _is_torn(path)]
    for path in torn:
        path.replace(path.with_name(path.name + _ASIDE))
    return [path.name for path in torn]


def _is_torn(path: Path) -> bool:
    size = path.stat().st_size
    if path.suffix == _ASIDE or size == 0:  # an empty one is filled at the start
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        start = file.read(2 * max(_PAGE_SIZES))
    metas = sorted(_valid_metas(start))
    if not metas:
        return True
    _, pages, page_size = metas[-1]
    return pages * page_size > size


def _valid_metas(start: bytes) -> Iterator[tuple[int, int, int]]:
    """Transaction, number of pages and page size of each of the two that is whole."""
    for offset in (0, *_PAGE_SIZES):
        raw = start[offset + _PAGE_HEADER_BYTES :][: _META.size]
        if len(raw) < _META.size:
            continue
        magic, version, page_size, *_, pages, transaction, checksum = _META.unpack(raw)
        whole = checksum == _fnv1a(raw[:-8])
        if whole and (magic, version) == (_MAGIC, _VERSION) and offset in (0, page_size):
            yield transaction, pages, page_size


def _fnv1a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


if __name__ == "__main__":
    for torn in put_torn_files_aside(Path(sys.argv[1])):
        print(f"put aside {torn}, which was torn: what waited in it is not delivered")
