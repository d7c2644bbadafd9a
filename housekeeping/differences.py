"""What a reconciliation may find, and how it is shown."""

import json
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum


class Kind(StrEnum):
    LOST = "lost"
    AFTER_BACKUP = "after_backup"
    STORED_AND_PURGED = "stored_and_purged"
    STORED_AND_WAITING = "stored_and_waiting"
    STORED_AND_DEAD = "stored_and_dead"
    WAITING_AND_DEAD = "waiting_and_dead"
    WITHOUT_AUDIT = "without_audit"
    PENDING_WITHOUT_ENTRY = "pending_without_entry"
    UNREADABLE_ENTRY = "unreadable_entry"
    UNREADABLE_LINE = "unreadable_line"


_MEANING = {
    Kind.LOST: "accepted, and nowhere now",
    Kind.AFTER_BACKUP: "stored after the backup that was restored: a retry orders it again",
    Kind.STORED_AND_PURGED: "has a row although it was purged",
    Kind.STORED_AND_WAITING: "has its row and an entry: a repetition, dropped when its turn comes",
    Kind.STORED_AND_DEAD: "has its row and a dead letter: see `dead_letters show`",
    Kind.WAITING_AND_DEAD: "has an entry and a dead letter",
    Kind.WITHOUT_AUDIT: "exists without an audit line: its 202 never left, or see the log",
    Kind.PENDING_WITHOUT_ENTRY: "this guest sees an order as accepted that no entry stands for",
    Kind.UNREADABLE_ENTRY: "an entry without order and guest",
    Kind.UNREADABLE_LINE: "half a line, or none of ours: no 202 left after it",
}


@dataclass(frozen=True)
class Difference:
    kind: Kind
    # An order's id; a guest, an entry or a place in a file where there is none.
    subject: str
    detail: str = ""


class Report(ABC):
    """Prints each difference as soon as it is found, and keeps only their numbers."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.differences: Counter[Kind] = Counter()

    def add(self, difference: Difference) -> None:
        self.differences[difference.kind] += 1
        self._show(difference)

    @abstractmethod
    def finish(self) -> None: ...

    @abstractmethod
    def _show(self, difference: Difference) -> None: ...


class TextReport(Report):
    def _show(self, difference: Difference) -> None:
        kind = "LOST" if difference.kind is Kind.LOST else difference.kind
        extra = f" ({difference.detail})" if difference.detail else ""
        print(f"{kind:<22}  {difference.subject}{extra}: {_MEANING[difference.kind]}")

    def finish(self) -> None:
        for what, count in self.counts.items():
            print(f"{count:>10}  {what.replace('_', ' ')}")
        for kind, count in self.differences.items():
            print(f"{count:>10}  {kind.replace('_', ' ')}")
        lost = self.differences[Kind.LOST]
        print(f"{lost} ORDERS LOST" if lost else "no order is lost")
        if late := self.differences[Kind.AFTER_BACKUP]:
            print(f"{late} ORDERS MISSING that were stored after the backup that was restored")


class JsonReport(Report):
    """One document, written piece by piece."""

    def _show(self, difference: Difference) -> None:
        start = ",\n " if self.differences.total() > 1 else '{"differences": [\n '
        print(start + json.dumps(asdict(difference)), end="")

    def finish(self) -> None:
        start = "\n]" if self.differences else '{"differences": []'
        found = {kind: self.differences[kind] for kind in Kind}
        print(f'{start},\n "counts": {json.dumps(self.counts)},')
        print(f' "found": {json.dumps(found)}}}')


def create_report(*, as_json: bool) -> Report:
    return JsonReport() if as_json else TextReport()
