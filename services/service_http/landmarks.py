"""Where in an order of the catalogue every so-manieth watch stands, remembered: a page far from the
beginning is found from the landmark before it, and not by skipping all that comes before. Landmarks
are far apart, so that the way to the first page is a few statements, and between two of them, where
somebody looks, there are nearer ones. Also how
far a search has come: who asks again, after its time was over, goes on from there."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from services.service_http.product_conditions import shape_of
from services.service_http.product_statements import compile_landmark, execute
from services.service_http.search import ProductQuery

# Of landmarks, and of those between two of them: a page skips fewer than the latter, which is less
# work than to read its rows.
FAR, NEAR = 10_000, 500
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


# The landmark at this distance from the one before it or from the beginning; None past the end.
Next = Callable[[Landmark | None, int], Landmark | None]


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
        far, rest = self._before(order, None, offset, FAR, find_next)
        return self._before((*order, offset - rest), far, rest, NEAR, find_next)

    def _before(
        self,
        way: tuple[object, ...],
        start: Landmark | None,
        offset: int,
        distance: int,
        find_next: Next,
    ) -> tuple[Landmark | None, int]:
        """Of those at this distance from each other and from the start of the way."""
        marks, since = self._known.get(way, ((), 0.0))
        now = time.monotonic()
        if now - since > _BELIEVED_SECONDS:
            marks, since = (), now
        wanted = offset // distance
        while len(marks) < wanted:
            following = find_next(marks[-1] if marks else start, distance)
            if following is None:
                break
            marks = (*marks, following)
            self._known[way] = marks, since
        reached = min(wanted, len(marks))
        return (marks[reached - 1] if reached else start), offset - reached * distance


def find_landmark(
    connection: Connection, query: ProductQuery, mark: Landmark | None, distance: int
) -> Landmark | None:
    """At this distance from `mark` or from the beginning; None past the end."""
    values = {"size": 1, "offset": distance - 1, **values_after(mark)}
    shape = shape_of(query, after=mark is not None)
    for product_id, value in execute(connection, compile_landmark, query, shape, **values):
        return Landmark(value, product_id)
    return None


def values_after(mark: Landmark | None) -> dict[str, Any]:
    return {} if mark is None else {"after_value": mark.value, "after_id": mark.product_id}
