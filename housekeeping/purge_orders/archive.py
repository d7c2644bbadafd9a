"""The archive of purged orders: compressed CSV that only ever grows by whole batches.

A batch is a gzip member of its own, on disk before its rows are deleted. Members follow each other
in one valid gzip file (RFC 1952 §2.2), and where one was cut short the file ends with the member
before it. While its run lasts the file has a name of its own, so that the next run finds it.
"""

import csv
import gzip
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from housekeeping.failures import CouldNot

COLUMNS = (
    *("order_id", "status", "reason", "total_idr", "accepted_at", "stored_at"),
    *("product_id", "quantity", "unit_price_idr", "stock_change"),
)
_UNFINISHED = ".unfinished-"
_MEMBER_START = b"\x1f\x8b\x08\x00"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Batch:
    """Where in the file it is, and the orders in it."""

    start: int
    end: int
    order_ids: tuple[str, ...]


class OrderArchive:
    def __init__(self, path: Path) -> None:
        """An unfinished file; what a killed run left of a batch at its end is cut off.

        That run had not begun to delete: it does so only after the whole batch is on disk.
        """
        self._path = path
        batches = list(_read_batches(path))
        self.last = batches[-1] if batches else Batch(0, 0, ())
        self.orders = sum(len(batch.order_ids) for batch in batches)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        if path.stat().st_size > self.last.end:
            _require_nothing_behind(path, self.last.end)
            self._cut(self.last.end)

    @classmethod
    def create(cls, folder: Path, moment: datetime) -> "OrderArchive":
        while (folder / (name := f"orders-{moment:%Y%m%dT%H%M%SZ}.csv.gz")).exists():
            moment += timedelta(seconds=1)  # the clock was set back
        path = folder / f"{_UNFINISHED}{name}"
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _sync(folder)
        archive = cls(path)
        archive._write(_member([COLUMNS]), ())
        return archive

    def append(self, rows: Sequence[Sequence[object]]) -> None:
        """Return once these rows are on disk. The first column is the order's id."""
        order_ids = tuple(dict.fromkeys(str(row[0]) for row in rows))
        self._write(_member(rows), order_ids)

    def undo(self) -> None:
        """Take the last batch out again; nothing before it is ever touched."""
        self._cut(self.last.start)
        self.orders -= len(self.last.order_ids)
        self.last = Batch(self.last.start, self.last.start, ())

    def finish(self) -> Path | None:
        """Give the file its final name; None if there is no order in it, and then no file."""
        self.close()
        folder = self._path.parent
        if not self.orders:
            self._path.unlink()
            return None
        final = folder / self._path.name.removeprefix(_UNFINISHED)
        self._path.rename(final)
        _sync(folder)
        return final

    def close(self) -> None:
        os.close(self._descriptor)

    def _write(self, member: bytes, order_ids: tuple[str, ...]) -> None:
        start, data = self.last.end, member
        while data:
            data = data[os.write(self._descriptor, data) :]
        os.fsync(self._descriptor)
        self.last = Batch(start, start + len(member), order_ids)
        self.orders += len(order_ids)

    def _cut(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        os.fsync(self._descriptor)


def list_unfinished(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_UNFINISHED}orders-*.csv.gz"))


def _member(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return gzip.compress(text.getvalue().encode(), mtime=0)


def _read_batches(path: Path) -> Iterator[Batch]:
    """As far as they are whole; the first is the headings."""
    start = 0
    with path.open("rb") as file:
        while (found := _decode(file, start)) is not None:
            end, text = found
            rows = csv.reader(io.StringIO(text.decode()))
            ids = dict.fromkeys(row[0] for row in rows if row[0] != COLUMNS[0])
            yield Batch(start, end, tuple(ids))
            start = end


def _decode(file: io.BufferedReader, start: int) -> tuple[int, bytes] | None:
    """The end and the text of the gzip member that starts here, None if it is not whole."""
    file.seek(start)
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    text, position = bytearray(), start
    try:
        while not decoder.eof:
            if not (chunk := file.read(_CHUNK)):
                return None
            text += decoder.decompress(chunk)
            position += len(chunk)
    except zlib.error:
        return None
    return position - len(decoder.unused_data), bytes(text)


def _require_nothing_behind(path: Path, position: int) -> None:
    """A whole batch behind something unreadable: that is damage, and no end cut short."""
    tail = path.read_bytes()[position:]
    with path.open("rb") as file:
        start = tail.find(_MEMBER_START)
        while start >= 0:
            if _decode(file, position + start) is not None:
                raise CouldNot(
                    f"{path} is damaged at byte {position}: move it elsewhere, it has orders that"
                    " are no longer in the database, and restore it from a copy"
                )
            start = tail.find(_MEMBER_START, start + 1)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
