"""What guests do in a load run: scenarios, their weights, and the class of each request.

A real shop sells less than this one: orders have more than their share here, because their path
is the one that must hold.
"""

from dataclasses import dataclass

# No request: from the one that ordered until the order is seen confirmed or rejected.
COMPLETION = "order completed"
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
    COMPLETION: "completions",
}


@dataclass(frozen=True)
class Scenario:
    """`requests` by their classes, each with a start of its own in the plan."""

    name: str
    weight: int
    requests: tuple[str, ...]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("browse", 30, ("catalogue page", "catalogue page", "product page")),
        Scenario("search", 20, ("search page", "product page")),
        Scenario("read by program", 25, ("product list", "product")),
        Scenario("order by program", 8, ("product", "order by program", "order status")),
        Scenario(
            "order by form",
            7,
            ("product page", "cart page", "cart page", "order by form", "status page"),
        ),
    )
}


def requests_per_visit() -> float:
    """On average: requests per second divided by this are visits per second."""
    weights = sum(one.weight for one in SCENARIOS.values())
    return sum(one.weight * len(one.requests) for one in SCENARIOS.values()) / weights
