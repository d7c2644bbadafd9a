"""Kinds of requests that frontend and gateway limit and measure together, and which go first."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class RouteClass(StrEnum):
    """In the order of their importance when not all can be served."""

    ORDER_PLACEMENT = "order-placement"
    ORDER_STATUS = "order-status"
    PRODUCT = "product"
    LIST = "list"


class Priority(NamedTuple):
    """`share`: a request of the class is admitted while no more than this share of all that may be
    under way to its upstream is taken, so that the rest is kept for what matters more.
    `lag_seconds`: as long as the event loop is later than this all the time, none is."""

    share: float
    lag_seconds: float


PRIORITIES = {
    RouteClass.ORDER_PLACEMENT: Priority(1.0, 0.4),
    RouteClass.ORDER_STATUS: Priority(1.0, 0.25),
    RouteClass.PRODUCT: Priority(0.9, 0.15),
    RouteClass.LIST: Priority(0.7, 0.1),
}

_OF_ORDERS = RouteClass.ORDER_PLACEMENT
# By the service whose work they are in the end.
CLASSES: Mapping[str, Mapping[str, Priority]] = {
    "service-http": {one: PRIORITIES[one] for one in RouteClass if one is not _OF_ORDERS},
    "publisher": {_OF_ORDERS: PRIORITIES[_OF_ORDERS]},
}
UPSTREAM_OF = {one: upstream for upstream, classes in CLASSES.items() for one in classes}
