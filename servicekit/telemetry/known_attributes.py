"""Attributes that are measured with again and again."""

from collections.abc import Mapping
from typing import Any

_MOST = 1000


class KnownAttributes(dict[str, Any]):
    """Not to be changed: our own instruments look the series of these up once, and keep it in
    `series`."""

    __slots__ = ("series",)

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        super().__init__(attributes)
        self.series: dict[object, Any] = {}


class Attributed:
    """Makes each set of attributes once: there are about as many as routes and statuses."""

    def __init__(self) -> None:
        self._made: dict[tuple[tuple[str, str | int], ...], KnownAttributes] = {}

    def __call__(self, *named: tuple[str, str | int]) -> KnownAttributes:
        if (found := self._made.get(named)) is None:
            if len(self._made) >= _MOST:
                self._made.clear()
            found = self._made[named] = KnownAttributes(dict(named))
        return found
