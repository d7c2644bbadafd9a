"""What guests do in a load run: kinds of visits, their weights, and the class of each click.

A real shop sells less than this one: orders have more than their share here, because their path
is the one that must hold.
"""

from dataclasses import dataclass

# Every class of requests, and the group whose objective it is judged by.
GROUPS = {
    "catalogue page": "pages",
    "search page": "pages",
    "product page": "pages",
    "cart page": "pages",
    "status page": "pages",
    "product list": "reads",
    "product": "reads",
    "order status": "reads",
    "order by form": "orders",
    "order by program": "orders",
    # No request: from the click that ordered until the order is seen confirmed or rejected.
    "order ended": "ends",
}


@dataclass(frozen=True)
class Kind:
    """A visit: its clicks, each a request with a moment of its own in the plan."""

    name: str
    weight: int
    clicks: tuple[str, ...]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("browse", 30, ("catalogue page", "catalogue page", "product page")),
        Kind("search", 20, ("search page", "product page")),
        Kind("read by program", 25, ("product list", "product")),
        Kind("order by program", 8, ("product", "order by program", "order status")),
        Kind(
            "order by form",
            7,
            ("product page", "cart page", "cart page", "order by form", "status page"),
        ),
    )
}


def clicks_per_visit() -> float:
    """On average: requests per second divided by this are visits per second."""
    weights = sum(kind.weight for kind in KINDS.values())
    return sum(kind.weight * len(kind.clicks) for kind in KINDS.values()) / weights
