"""Who makes room where too many have come."""

import resource
from dataclasses import dataclass
from typing import cast

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.resources import Resource

from servicekit.http_server.connection import affordable_connections
from servicekit.http_server.crowd import Crowd, Verdict
from servicekit.telemetry.light_metrics import LightMeterProvider

BOUND, NOW = 100, 50.0


@dataclass
class Connection:
    waits_since: float | None
    is_unfinished: bool = False
    dropped: bool = False

    def drop(self) -> None:
        self.dropped = True


def busy(count: int) -> list[Connection]:
    return [Connection(None) for _ in range(count)]


NEW = Connection(NOW, is_unfinished=True)


def test_up_to_the_bound_nobody_makes_room() -> None:
    idle = [Connection(0, is_unfinished=True) for _ in range(BOUND - 1)]
    assert Crowd(BOUND).admit([*idle, NEW], NOW) is Verdict.SERVE
    assert not any(one.dropped for one in idle)


def test_heads_that_do_not_end_make_room_before_idle_connections_and_old_before_new() -> None:
    heads = [Connection(NOW - age, is_unfinished=True) for age in (1.0, 3.0, 2.0, 0.9)]
    idle = [Connection(NOW - age) for age in (9.0, 20.0, 10.0)]
    all_of_them = [*busy(BOUND - 7), *heads, *idle]
    crowd, order = Crowd(BOUND), []
    for expected in (5, 1):
        present = [one for one in all_of_them if not one.dropped]
        waiting = [*present, *busy(BOUND - len(present)), NEW]
        assert crowd.admit(waiting, NOW) is Verdict.SERVE
        order.append([one for one in present if one.dropped])
        assert len(order[-1]) == expected
    assert order == [[*heads[:3], idle[1], idle[2]], [idle[0]]]
    assert not heads[3].dropped


def test_where_all_are_busy_a_newcomer_is_told_and_the_rest_of_a_flood_is_not() -> None:
    crowd = Crowd(BOUND)
    verdicts = [crowd.admit([*busy(BOUND + more), NEW], NOW) for more in range(50)]
    assert verdicts == [Verdict.TELL] * 11 + [Verdict.DROP] * 39


@pytest.mark.parametrize(
    ("limits", "taken", "bound"),
    [
        ((4096, 8192), None, 1000),
        ((1024, 8192), (1512, 8192), 1000),
        ((1024, resource.RLIM_INFINITY), (1512, resource.RLIM_INFINITY), 1000),
        ((1024, 1024), (1024, 1024), 512),
        ((256, 256), (256, 256), 128),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None, 1000),
    ],
)
def test_no_more_are_let_in_than_the_process_may_have_descriptors_for(
    monkeypatch: pytest.MonkeyPatch,
    limits: tuple[int, int],
    taken: tuple[int, int] | None,
    bound: int,
) -> None:
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: found.append(wanted))
    assert affordable_connections(1000) == bound
    assert found == ([taken] if taken else [])


def test_whom_it_closes_and_refuses_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = InMemoryMetricReader()
    provider = LightMeterProvider([reader], Resource({}))
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", provider)
    crowd = Crowd(BOUND)
    for more in range(13):
        crowd.admit([*busy(BOUND + more), NEW], NOW)
    crowd.admit([*busy(BOUND), Connection(0), NEW], NOW)
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert {
        (point.attributes or {})["outcome"]: cast(NumberDataPoint, point).value
        for point in metric.data.data_points
    } == {"made_room": 1, "told": 11, "dropped": 2}
