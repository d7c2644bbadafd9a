"""An archive that was cut anywhere still has every batch before the cut, and no half of one."""

import csv
import gzip
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from housekeeping.purge_orders.archive import COLUMNS, OrderArchive, list_unfinished
from housekeeping.purge_orders.command import months_before

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
batches = st.lists(st.lists(st.uuids().map(str), min_size=1, max_size=4), max_size=4)


def row_of(order_id: str) -> list[object]:
    return [order_id, *(None for _ in COLUMNS[1:])]


@given(batches, st.floats(0, 1), st.booleans())
@example([["e3e70682-c209-4cac-629f-6fbed82c07cd"]], 0.984375, True)
def test_a_file_that_is_cut_or_torn_anywhere_has_whole_batches(
    written: list[list[str]], share: float, zeroes: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = OrderArchive.create(folder, MOMENT)
        ends = [archive.last.end]
        for batch in written:
            archive.append([row_of(order_id) for order_id in batch])
            ends.append(archive.last.end)
        archive.close()
        (path,) = list_unfinished(folder)
        whole = path.read_bytes()
        cut = round(share * len(whole))
        # Some file systems leave zeroes where a power cut tore the end.
        torn = whole[:cut] + b"\0" * 100 * zeroes
        path.write_bytes(torn)
        # Zeroes in the place of zeroes, with which a member ends, change nothing.
        left = sum(torn[:end] == whole[:end] for end in ends) - 1
        reopened = OrderArchive(path)
        kept = [order_id for batch in written[: max(left, 0)] for order_id in batch]
        assert reopened.orders == len(kept)
        assert path.stat().st_size == (ends[left] if left >= 0 else 0)
        if left > 0:
            assert reopened.last.order_ids == tuple(written[left - 1])
            reopened.undo()
            kept = kept[: -len(written[left - 1])]
        final = reopened.finish()
        assert (final is not None) == bool(kept)
        assert ids_in(final) == kept


def ids_in(path: Path | None) -> list[str]:
    if path is None:
        return []
    with gzip.open(path, "rt", newline="") as file:
        return [row["order_id"] for row in csv.DictReader(file)]


def test_months_are_those_of_the_calendar() -> None:
    def before(text: str, months: int) -> str:
        return months_before(datetime.fromisoformat(text), months).date().isoformat()

    assert before("2026-11-28", 24) == "2024-11-28"
    assert before("2026-01-31", 2) == "2025-11-30"
    assert before("2024-02-29", 12) == "2023-02-28"
    assert before("2026-12-31", 1) == "2026-11-30"
    assert before("2026-01-15", 1) == "2025-12-15"
