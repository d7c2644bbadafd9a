"""The bound on the connections of one process: the last fence, behind every limit on requests."""

import logging
from collections.abc import Collection
from enum import Enum, auto
from typing import Protocol

from contracts.telemetry import CONNECTIONS_REFUSED
from servicekit.telemetry.metrics import create_counter

logger = logging.getLogger(__name__)

# Who has just connected may be about to ask.
_PATIENCE_SECONDS = 1.0
# Room is made for several, as looking for it costs a look at all.
_SHARE = 0.05
# Beyond the bound, that many more (as a share of it) are told why before they are closed.
_TOLD_SHARE = 0.1
_LOG_EVERY_SECONDS = 10.0


class Waiting(Protocol):
    """A connection, as far as the bound is concerned."""

    @property
    def waits_since(self) -> float | None:
        """When it was made or last answered; None while a request is under way."""

    @property
    def is_unfinished(self) -> bool:
        """It never asked anything, or what it asks is not whole."""

    def drop(self) -> None:
        """Close it at once, and whatever it does not read with it."""


class Verdict(Enum):
    SERVE, TELL, DROP = auto(), auto(), auto()


class Crowd:
    """Lets connections in up to `bound`. At the bound those that wait the longest without a request
    make room, heads that do not end first; if none does, a newcomer is told to come back, and, as
    even that is work, dropped from a tenth more on."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._logged_at = float("-inf")
        self._refused = create_counter(CONNECTIONS_REFUSED)
        for outcome in ("made_room", "told", "dropped"):
            self._count(outcome, 0)  # so that a rate can be taken of the first one

    def admit(self, connections: Collection[Waiting], now: float) -> Verdict:
        """What to do with one that is among `connections` already."""
        count = len(connections)
        if count <= self.bound:
            return Verdict.SERVE
        dropped = self._make_room(connections, now)
        self._log(now, count, dropped)
        if dropped:
            self._count("made_room", dropped)
            return Verdict.SERVE
        if count <= self.bound * (1 + _TOLD_SHARE) + 1:
            self._count("told")
            return Verdict.TELL
        self._count("dropped")
        return Verdict.DROP

    def _count(self, outcome: str, number: int = 1) -> None:
        self._refused.add(number, {"outcome": outcome})

    def _make_room(self, connections: Collection[Waiting], now: float) -> int:
        waiting = [
            (not one.is_unfinished, since, id(one), one)
            for one in connections
            if (since := one.waits_since) is not None and now - since >= _PATIENCE_SECONDS
        ]
        dropped = sorted(waiting)[: max(1, int(self.bound * _SHARE))]
        for *_, one in dropped:
            one.drop()
        return len(dropped)

    def _log(self, now: float, count: int, dropped: int) -> None:
        if now - self._logged_at < _LOG_EVERY_SECONDS:
            return
        self._logged_at = now
        logger.warning(
            "too many connections: some are closed",
            extra={"connections": count, "bound": self.bound, "closed": dropped},
        )
