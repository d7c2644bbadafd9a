"""Admission control of one service: a limiter for each upstream, and their metrics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Protocol

from opentelemetry import trace

from servicekit.admission.lag import loop_lag
from servicekit.admission.limit import AdaptiveLimit
from servicekit.admission.limiter import (
    DEADLINE,
    LAG,
    LEFT,
    LIMIT,
    ConcurrencyLimiter,
    PriorityClass,
    UnlimitedLimiter,
)
from servicekit.admission.settings import AdmissionSettings
from servicekit.problems import DeadlinePassed, Problem, ServiceUnavailable
from servicekit.telemetry.known_attributes import MOST_KNOWN, KnownAttributes
from servicekit.telemetry.metrics import Metric, create_counter, observe_gauges

Observed = Iterable[tuple[float, Mapping[str, str]]]


@lru_cache(maxsize=MOST_KNOWN)
def _counted_as(reason: str, kind: str, upstream: str) -> KnownAttributes:
    return KnownAttributes({"reason": reason, "route": kind, "upstream": upstream})


class Priority(Protocol):
    @property
    def share(self) -> float: ...
    @property
    def lag_seconds(self) -> float: ...


@dataclass(frozen=True)
class MetricNames:
    """`event` and `reason` are of a span, and `route` is the class there."""

    shed: Metric
    limit: Metric
    in_flight: Metric
    waiting: Metric
    event: str
    reason: str
    route: str


class AdmissionControl:
    """Made in the loop that it is used in."""

    def __init__(
        self,
        settings: AdmissionSettings,
        upstreams: Mapping[str, Mapping[str, Priority]],
        names: MetricNames,
    ) -> None:
        """`upstreams` has for each the classes of requests, the most important first."""
        self._names, self.lag = names, loop_lag()
        self._shed = create_counter(names.shed)
        self._limiters = {
            upstream: self._create(settings, classes) for upstream, classes in upstreams.items()
        }
        # So that they are there from the start, and a rate can be taken of the first one.
        for upstream, limiter in self._limiters.items():
            for kind, reason in product(limiter.classes, (LIMIT, LAG, DEADLINE, LEFT)):
                self.count(upstream, kind, reason, 0)
        observe_gauges(names.limit, self._read_limits)
        observe_gauges(names.in_flight, self._read_in_flight)
        observe_gauges(names.waiting, self._read_waiting)

    def _create(
        self, settings: AdmissionSettings, classes: Mapping[str, Priority]
    ) -> ConcurrencyLimiter:
        queue = settings.queue_settings()
        created = {
            kind: PriorityClass(kind, priority.share, priority.lag_seconds, queue)
            for kind, priority in classes.items()
        }
        limiter = ConcurrencyLimiter if settings.admission == "on" else UnlimitedLimiter
        return limiter(created, AdaptiveLimit(settings.limit_settings()), self.lag)

    def __getitem__(self, upstream: str) -> ConcurrencyLimiter:
        return self._limiters[upstream]

    def count(self, upstream: str, kind: str, reason: str, number: int = 1) -> None:
        """Requests were rejected, by whom ever."""
        self._shed.add(number, _counted_as(reason, kind, upstream))

    def reject(self, upstream: str, kind: str, reason: str) -> Problem:
        """The same, with an event of the span under way; what its sender is to be told."""
        self.count(upstream, kind, reason)
        attributes = {self._names.reason: reason, self._names.route: kind}
        trace.get_current_span().add_event(self._names.event, attributes)
        return problem_of(reason)

    def _read_limits(self) -> Observed:
        return [(one.limit.value, {"upstream": name}) for name, one in self._limiters.items()]

    def _read_in_flight(self) -> Observed:
        return [(kind.in_flight, attributes) for kind, attributes in self._classes()]

    def _read_waiting(self) -> Observed:
        return [(len(kind.queue), attributes) for kind, attributes in self._classes()]

    def _classes(self) -> Iterable[tuple[PriorityClass, Mapping[str, str]]]:
        for upstream, limiter in self._limiters.items():
            for kind in limiter.classes.values():
                yield kind, {"route": kind.name, "upstream": upstream}


def problem_of(reason: str) -> Problem:
    if reason == DEADLINE:
        return DeadlinePassed("The deadline passed before the work began.")
    return ServiceUnavailable("More is asked of the shop just now than it can do.")
