"""Attributes that are measured with again and again."""

from collections.abc import Mapping
from typing import Any

# Of each kind, to be kept by `lru_cache`: there are about as many as routes and statuses.
MOST_KNOWN = 1000


class KnownAttributes(dict[str, Any]):
    """Not to be changed: our own instruments look the series of these up once, and keep it in
    `series`."""

    __slots__ = ("series",)

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        super().__init__(attributes)
        self.series: dict[object, Any] = {}
