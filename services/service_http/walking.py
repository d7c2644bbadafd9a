"""The watches that have a frequent word, found by going through an order of the catalogue and
looking at each in turn: the work is that of a page, not of all that is found."""

from sqlalchemy import Connection

from database.counts import Counted
from services.service_http.kept_counts import find_kept_count
from services.service_http.landmarks import Landmark, find_landmark, values_after
from services.service_http.product_conditions import shape_of
from services.service_http.product_statements import compile_walk, execute
from services.service_http.search import ProductQuery

# So many times the watches that should do are looked at first.
_MARGIN = 3
# And if the word is rare where the order begins, so many that those who have it are found first:
# an index alone tells, in a fraction of a microsecond each.
_MANY = (100_000, 300_000, 1_000_000)
# Of the watches before the page each has to be found as well.
_MOST_FOUND = 2_000


def walk(connection: Connection, query: ProductQuery, total: int) -> tuple[int, ...] | None:
    """The ids on the page, of `total` in all. None if it is not found by then, or if that is no
    shorter than to sort them all."""
    wanted = min(query.offset + query.page_size, total)
    first = _first_step(connection, query, total, wanted)
    if wanted > _MOST_FOUND or first > total:
        return None
    mark: Landmark | None = None
    found: list[int] = []
    for step in (first, *_MANY):
        shape = shape_of(query, after=mark is not None, many=step in _MANY)
        values = {"walked": step, "size": wanted - len(found), **values_after(mark)}
        rows = execute(connection, compile_walk, query, shape, **values)
        found += [row.product_id for row in rows]
        if len(found) == wanted:
            return tuple(found[query.offset :])
        mark = find_landmark(connection, query, mark, step)
        if mark is None:
            return None
    return None


def _first_step(connection: Connection, query: ProductQuery, total: int, wanted: int) -> int:
    of_all = (Counted.BRAND, query.brand) if query.brand else (Counted.EVERYTHING, "")
    number = find_kept_count(connection, *of_all) or 0
    return max(wanted, _MARGIN * wanted * number // total)
