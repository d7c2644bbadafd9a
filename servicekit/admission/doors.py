"""The doors of one service, one for each upstream, and what they tell of themselves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Protocol

from opentelemetry import trace

from servicekit.admission.door import DEADLINE, LAG, LEFT, LIMIT, Door, Lane
from servicekit.admission.lag import loop_lag
from servicekit.admission.limit import AdaptiveLimit
from servicekit.admission.settings import AdmissionSettings
from servicekit.problems import DeadlinePassed, Problem, ServiceUnavailable
from servicekit.telemetry.metrics import Metric, create_counter, observe_gauges

Observed = Iterable[tuple[float, Mapping[str, str]]]


class Priority(Protocol):
    @property
    def share(self) -> float: ...
    @property
    def lag_seconds(self) -> float: ...


@dataclass(frozen=True)
class Told:
    """Under which names; `event` and `reason` are of a span, `route` is the class there."""

    shed: Metric
    limit: Metric
    in_flight: Metric
    waiting: Metric
    event: str
    reason: str
    route: str


class Doors:
    """Made in the loop that they are used in."""

    def __init__(
        self,
        settings: AdmissionSettings,
        upstreams: Mapping[str, Mapping[str, Priority]],
        told: Told,
        *,
        patience: Mapping[str, float],
    ) -> None:
        """`upstreams` has for each the classes of requests, the most important first; `patience`
        how many times longer than usual those of one may take, and wait."""
        self._told, self.lag = told, loop_lag()
        self._shed = create_counter(told.shed)
        kind = Door if settings.admission == "on" else OpenDoor
        self._doors: dict[str, Door] = {}
        for name, classes in upstreams.items():
            times = patience.get(name, 1.0)
            line = settings.line_settings(times)
            lanes = {
                one: Lane(one, priority.share, priority.lag_seconds, line)
                for one, priority in classes.items()
            }
            self._doors[name] = kind(lanes, AdaptiveLimit(settings.limit_settings(times)), self.lag)
        # So that they are there from the start, and a rate can be taken of the first one.
        for name, door in self._doors.items():
            for one, reason in product(door.lanes, (LIMIT, LAG, DEADLINE, LEFT)):
                self.count(name, one, reason, 0)
        observe_gauges(told.limit, self._read_limits)
        observe_gauges(told.in_flight, self._read_in_flight)
        observe_gauges(told.waiting, self._read_waiting)

    def __getitem__(self, upstream: str) -> Door:
        return self._doors[upstream]

    def count(self, upstream: str, lane: str, reason: str, number: int = 1) -> None:
        """Requests were refused, whoever did it."""
        self._shed.add(number, {"reason": reason, "route": lane, "upstream": upstream})

    def refuse(self, upstream: str, lane: str, reason: str) -> Problem:
        """The same, with an event of the span under way; what its sender is to be told."""
        self.count(upstream, lane, reason)
        attributes = {self._told.reason: reason, self._told.route: lane}
        trace.get_current_span().add_event(self._told.event, attributes)
        return problem_of(reason)

    def _read_limits(self) -> Observed:
        return [(door.limit.value, {"upstream": name}) for name, door in self._doors.items()]

    def _read_in_flight(self) -> Observed:
        return [(lane.in_flight, where) for lane, where in self._lanes()]

    def _read_waiting(self) -> Observed:
        return [(len(lane.line), where) for lane, where in self._lanes()]

    def _lanes(self) -> Iterable[tuple[Lane, Mapping[str, str]]]:
        for name, door in self._doors.items():
            for lane in door.lanes.values():
                yield lane, {"route": lane.name, "upstream": name}


class OpenDoor(Door):
    """For everybody."""

    def enter(self, lane: Lane) -> bool:
        self.in_flight += 1
        lane.in_flight += 1
        return True

    def leave(self, lane: Lane, seconds: float | None) -> None:
        self.in_flight -= 1
        lane.in_flight -= 1


def problem_of(reason: str) -> Problem:
    if reason == DEADLINE:
        return DeadlinePassed("The deadline passed before the work began.")
    return ServiceUnavailable("More is asked of the shop just now than it can do.")
