"""The watches that have a frequent word, found by going through an order of the catalogue and
looking at each in turn: the work is that of a page, not of all that is found."""

from sqlalchemy import Connection

from database.counts import Counted
from services.service_http.kept_counts import find_kept_count
from services.service_http.landmarks import Landmark, Landmarks, find_landmark, values_after
from services.service_http.product_conditions import After, shape_of
from services.service_http.product_statements import compile_walk, execute
from services.service_http.search import ProductQuery

# So many times the watches that should do are looked at first.
_MARGIN = 3
# And if the word is rare where the order begins, so many that those who have it are found first:
# an index alone tells, in a fraction of a microsecond each. Few enough for the time limit of a
# statement on a busy machine, many enough that to find them first is not most of the work.
_MANY = 200_000
_MOST_WALKED = 2_000_000
# Of the watches before the page each has to be found as well.
_MOST_FOUND = 2_000


def walk(
    connection: Connection, query: ProductQuery, total: int, landmarks: Landmarks
) -> tuple[int, ...] | None:
    """The ids on the page, of `total` in all. None if it is not found by then, or if that is no
    shorter than to sort them all. Who runs out of time on the way leaves what is done to the
    next."""
    wanted = min(query.offset + query.page_size, total)
    step = _first_step(connection, query, total, wanted)
    if wanted > _MOST_FOUND or step > total:
        return None
    search = (*query.found, query.sort, wanted)
    mark: Landmark | None = None
    found: tuple[int, ...] = ()
    if reached := landmarks.reached(search):
        (mark, found), step = reached, _MANY
    for _ in range(_MOST_WALKED // _MANY):
        after = After.NOTHING if mark is None else After.LANDMARK
        shape = shape_of(query, after=after, many=step == _MANY)
        values = {"walked": step, "size": wanted - len(found), **values_after(mark)}
        rows = execute(connection, compile_walk, query, shape, **values)
        found += tuple(row.product_id for row in rows)
        if len(found) == wanted:
            landmarks.note_reached(search, None)
            return found[query.offset :]
        mark, step = find_landmark(connection, query, mark, step), _MANY
        if mark is None:
            return None
        landmarks.note_reached(search, (mark, found))
    return None


def _first_step(connection: Connection, query: ProductQuery, total: int, wanted: int) -> int:
    of_all = (Counted.BRAND, query.brand) if query.brand else (Counted.EVERYTHING, "")
    number = find_kept_count(connection, *of_all) or 0
    return max(wanted, _MARGIN * wanted * number // total)
