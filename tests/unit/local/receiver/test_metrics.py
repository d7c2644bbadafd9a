"""Gauges, sums and histograms, decoded to the figures that the pages show."""

import math

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    Gauge,
    Metric,
    NumberDataPoint,
    Sum,
)

from local.receiver.formats import duration, quantity
from local.receiver.histograms import quantile
from local.receiver.metric_cards import bars_of
from local.receiver.records import Histogram
from tests.otlp import gauge, histogram, pairs, receiver, send, trace_id

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


async def test_a_counter_keeps_its_latest_value_per_set_of_attributes() -> None:
    def counter(value: int, **attributes: str) -> Metric:
        point = NumberDataPoint(as_int=value, attributes=pairs(attributes))
        data = Sum(data_points=[point], is_monotonic=True, aggregation_temporality=CUMULATIVE)
        return Metric(name="orders", unit="{order}", description="Orders", sum=data)

    async with receiver() as client:
        await send(client, "shop", counter(3, a="1", b="2"), counter(1, a="rejected"))
        await send(client, "shop", counter(5, b="2", a="1"))
        answer = await client.get("/api/metrics", params={"name": "orders", "service": "shop"})
        assert (await client.get("/api/metrics?name=other")).json() == {"metrics": []}
    (metric,) = answer.json()["metrics"]
    told = (metric["kind"], metric["temporality"], metric["unit"], metric["description"])
    assert told == ("sum", "cumulative", "{order}", "Orders")
    values = {series["attributes"]["a"]: series["value"] for series in metric["series"]}
    assert values == {"1": 5, "rejected": 1}


async def test_replicas_and_scopes_do_not_overwrite_each_other() -> None:
    async with receiver() as client:
        for service, scope in (("a", "one"), ("a", "two"), ("b", "one")):
            await send(client, service, gauge("m"), scope=scope)
        (metric,) = (await client.get("/api/metrics")).json()["metrics"]
    assert len(metric["series"]) == 3


async def test_a_number_is_shown_as_it_was_sent_and_no_number_not_at_all() -> None:
    values = (-(2**63), 0.25, 0, math.nan, -math.inf)
    none = Gauge(data_points=[NumberDataPoint(as_int=1, flags=1)])  # FLAG_NO_RECORDED_VALUE
    async with receiver() as client:
        metrics = [gauge(f"m{place}", value) for place, value in enumerate(values)]
        await send(client, "shop", *metrics, Metric(name="none", gauge=none), Metric(name="empty"))
        found = (await client.get("/api/metrics")).json()["metrics"]
    shown = [one["series"][0]["value"] for one in found]
    assert shown == [-(2**63), 0.25, 0, "NaN", "-Infinity"]


async def test_a_histogram_is_shown_with_its_figures_and_leads_to_a_trace() -> None:
    sent = histogram(
        "m",
        "s",
        count=100,
        sum=500,
        bucket_counts=[50, 40, 10, 0],
        explicit_bounds=[4, 8, 16],
        exemplars=[Exemplar(trace_id=bytes.fromhex(trace_id(7))), Exemplar()],
    )
    async with receiver() as client:
        await send(client, "shop", sent)
        page = (await client.get("/metrics")).text
        (metric,) = (await client.get("/api/metrics")).json()["metrics"]
    (series,) = metric["series"]
    assert (series["count"], series["sum"]) == (100, 500)
    assert (series["bounds"], series["bucket_counts"]) == ([4, 8, 16], [50, 40, 10, 0])
    for name, figure in (("average", "5 s"), ("p50", "4 s"), ("p95", "12 s"), ("p99", "15.2 s")):
        assert f'data-label="{name}">{figure}<' in page
    assert "≤ 8: 40" in page
    assert f'href="/traces/{trace_id(7)}"' in page


@pytest.mark.parametrize(
    ("bounds", "counts", "median", "labels"),
    [
        ((-1.0, 0.0), (2, 0, 0), -1.0, ["≤ -1: 2", "≤ 0: 0"]),  # no lower end is known
        ((2.0, 4.0), (2, 0, 0), 1.0, ["≤ 2: 2", "≤ 4: 0"]),
        ((2.0, 4.0), (0, 0, 2), 4.0, ["≤ 4: 0", "> 4: 2"]),
        ((1.0, 2.0, 4.0), (1, 0, 4, 3), 3.5, ["≤ 1: 1", "≤ 2: 0", "≤ 4: 4", "> 4: 3"]),
        ((1.0, 2.0, 4.0, 8.0), (0, 0, 1, 1, 0), 4.0, ["≤ 2: 0", "≤ 4: 1", "≤ 8: 1", "> 8: 0"]),
        ((), (2,), None, ["all: 2"]),
        ((1.0,), (0, 0), None, []),
        ((1.0,), (5,), None, []),  # counts and bounds that do not belong together
    ],
)
def test_the_median_and_the_drawing_follow_from_the_buckets(
    bounds: tuple[float, ...], counts: tuple[int, ...], median: float | None, labels: list[str]
) -> None:
    point = Histogram(sum(counts), 1.0, bounds, counts)
    assert quantile(point, 0.5) == median
    bars = bars_of(point)
    assert [bar.label for bar in bars] == labels
    assert not bars or (max(bar.height for bar in bars), bars[0].left) == (100, 0)
    assert all(bar.left + bar.width <= 100 for bar in bars)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "s", "—"),
        (0, "s", "0 s"),
        (0.0123, "s", "12.3 ms"),
        (1500, "ms", "1.5 s"),
        (3, "{order}", "3"),
        (1234567, "1", "1,234,567"),
        (2048, "By", "2 KiB"),
        (0.5, "Cel", "0.5 Cel"),
        (math.nan, "s", "NaN"),
        (1e290, "s", "1e+290 s"),
        (61e9, "ns", "61 s"),
        (2_500_000, "ns", "2.5 ms"),
        (1500, "ns", "1.5 µs"),
        (7, "ns", "7 ns"),
    ],
)
def test_a_value_is_read_with_its_unit(value: float | None, unit: str, text: str) -> None:
    assert (duration(value or 0) if unit == "ns" else quantity(value, unit)) == text


async def test_the_page_has_own_metrics_first_and_tells_what_it_leaves_out() -> None:
    async with receiver() as client:
        await send(client, "shop", *(gauge("http.many", n=n) for n in range(1005)))
        await send(client, "shop", gauge("arloji.queue.backlog"))
        page = (await client.get("/metrics")).text
        filtered = (await client.get("/metrics", params={"q": "BACKLOG"})).text
    assert page.index("arloji.queue.backlog</") < page.index("http.many")
    assert "6 more series" in page
    assert "http.many" not in filtered
    assert "more series" not in filtered
