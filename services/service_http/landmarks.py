"""Where in an order of the catalogue every so-manieth watch stands, remembered: a page far from the
beginning is found from the landmark before it, and not by skipping all that comes before. Also how
far a search has come: who asks again, after its time was over, goes on from there."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row

from contracts.products import MAX_PAGE_SIZE
from services.service_http.product_conditions import After, shape_of
from services.service_http.product_statements import (
    Compiled,
    compile_equals,
    compile_landmark,
    execute,
)
from services.service_http.search import ProductQuery

# A page skips fewer than these, which is less work than to read its rows; the first reader of the
# last page of a million looks five hundred up.
DISTANCE = 2_000
# Of those equal to a landmark so many are counted: all that a page after it may skip and show.
_MOST_EQUALS = DISTANCE + MAX_PAGE_SIZE
# A page by its number may be off by what was added since.
_BELIEVED_SECONDS = 300.0
# Of a search that was not finished; and of so many.
_UNFINISHED_SECONDS = 30.0
_MOST_UNFINISHED = 200


@dataclass(frozen=True, slots=True)
class Landmark:
    """What the order is by, as the driver gives it, and the id, which decides among equals."""

    value: Any
    product_id: int
    # So many after it are equal to it by that.
    equals: int = 0


# The landmark at this distance from the one before it or from the beginning; None past the end.
Next = Callable[[Landmark | None], Landmark | None]


# What was gone through, and the ids that were found there.
Reached = tuple[Landmark, tuple[int, ...]]


class Landmarks:
    """Of each order as far as somebody has looked. For several threads."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], tuple[tuple[Landmark, ...], float]] = {}
        self._unfinished: dict[tuple[object, ...], tuple[Reached, float]] = {}

    def reached(self, search: tuple[object, ...]) -> Reached | None:
        """By who was here before and did not come to the end."""
        found = self._unfinished.get(search)
        if found is None or time.monotonic() - found[1] > _UNFINISHED_SECONDS:
            return None
        return found[0]

    def note_reached(self, search: tuple[object, ...], reached: Reached | None) -> None:
        """None: it is finished."""
        if reached is None:
            self._unfinished.pop(search, None)
            return
        if len(self._unfinished) >= _MOST_UNFINISHED:
            self._unfinished.clear()
        self._unfinished[search] = reached, time.monotonic()

    def before(
        self, order: tuple[object, ...], offset: int, find_next: Next
    ) -> tuple[Landmark | None, int]:
        """The last one before this offset, and how far it is from there; what is missing on the
        way is looked up and remembered, also if the time is over before the end."""
        marks, since = self._known.get(order, ((), 0.0))
        now = time.monotonic()
        if now - since > _BELIEVED_SECONDS:
            marks, since = (), now
        wanted = offset // DISTANCE
        while len(marks) < wanted:
            following = find_next(marks[-1] if marks else None)
            if following is None:
                break
            marks = (*marks, following)
            self._known[order] = marks, since
        reached = min(wanted, len(marks))
        return (marks[reached - 1] if reached else None), offset - reached * DISTANCE


def find_landmark(
    connection: Connection, query: ProductQuery, mark: Landmark | None, distance: int
) -> Landmark | None:
    """At this distance from `mark` or from the beginning; None past the end."""
    values = {"size": 1, "offset": distance - 1, **values_after(mark)}
    shape = shape_of(query, after=After.NOTHING if mark is None else After.LANDMARK)
    for product_id, value in execute(connection, compile_landmark, query, shape, **values):
        return Landmark(value, product_id)
    return None


def find_next_landmark(
    connection: Connection, query: ProductQuery, mark: Landmark | None
) -> Landmark | None:
    """Of those that pages begin at."""
    rows = find_after(connection, compile_landmark, query, mark, offset=DISTANCE - 1, size=1)
    if not rows:
        return None
    ((product_id, value),) = rows
    found = Landmark(value, product_id)
    shape = shape_of(query, after=After.AMONG_EQUALS)
    counted = {"size": _MOST_EQUALS, **values_after(found)}
    ((equals,),) = execute(connection, compile_equals, query, shape, **counted)
    return replace(found, equals=equals)


def find_after(
    connection: Connection,
    compiled: Compiled,
    query: ProductQuery,
    mark: Landmark | None,
    *,
    offset: int,
    size: int,
) -> Sequence[Row[Any]]:
    """Rows at this distance from a landmark that pages begin at: first of its equals, then of what
    comes after these."""
    if mark is None:
        return execute(connection, compiled, query, shape_of(query), offset=offset, size=size)
    rows: list[Row[Any]] = []
    for after, begins, skipped in (
        (After.AMONG_EQUALS, offset < mark.equals, offset),
        (After.ALL_EQUALS, True, max(0, offset - mark.equals)),
    ):
        if begins and len(rows) < size:
            values = {"offset": skipped, "size": size - len(rows), **values_after(mark)}
            rows += execute(connection, compiled, query, shape_of(query, after=after), **values)
    return rows


def values_after(mark: Landmark | None) -> dict[str, Any]:
    return {} if mark is None else {"after_value": mark.value, "after_id": mark.product_id}
