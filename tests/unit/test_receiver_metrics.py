"""Every kind of OTLP metric, decoded to the figures that the pages show."""

import math
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
    Summary,
    SummaryDataPoint,
)

from local.receiver.formats import duration, quantity
from local.receiver.histograms import percentile
from local.receiver.metric_cards import MOST_COLUMNS, columns_of
from local.receiver.records import Distribution
from tests.otlp import PROTOBUF, metrics_of, pairs, receiver, send_metrics, trace_id

Buckets = ExponentialHistogramDataPoint.Buckets
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA

HISTOGRAM_POINT = HistogramDataPoint(
    count=3, sum=6, bucket_counts=[1, 1, 1], explicit_bounds=[1, 3], min=0.5, max=4
)
EXPONENTIAL_POINT = ExponentialHistogramDataPoint(
    count=3, sum=6, scale=2, zero_count=1, positive=Buckets(offset=-3, bucket_counts=[1, 1])
)
EVERY_KIND = [
    Metric(name="arloji.gauge", unit="s", gauge=Gauge(data_points=[NumberDataPoint(as_double=2)])),
    Metric(name="sum", unit="By", sum=Sum(data_points=[NumberDataPoint(as_int=2)])),
    Metric(name="histogram", histogram=Histogram(data_points=[HISTOGRAM_POINT])),
    Metric(
        name="exponential",
        exponential_histogram=ExponentialHistogram(data_points=[EXPONENTIAL_POINT]),
    ),
    Metric(name="summary", summary=Summary(data_points=[SummaryDataPoint(count=1, sum=1)])),
]


async def shown(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    (metric,) = (await client.get("/api/metrics", params={"name": name})).json()["metrics"]
    return dict(metric)


async def only_series(metric: Metric) -> dict[str, Any]:
    async with receiver() as client:
        await send_metrics(client, "shop", metric)
        (series,) = (await shown(client, metric.name))["series"]
        return dict(series)


async def test_a_counter_keeps_its_latest_value_per_set_of_attributes() -> None:
    def counter(value: int, status: str) -> Metric:
        point = NumberDataPoint(as_int=value, attributes=pairs({"status": status}))
        data = Sum(data_points=[point], is_monotonic=True, aggregation_temporality=CUMULATIVE)
        return Metric(name="orders", unit="{order}", description="Orders", sum=data)

    async with receiver() as client:
        await send_metrics(client, "shop", counter(3, "confirmed"), counter(1, "rejected"))
        await send_metrics(client, "shop", counter(5, "confirmed"))
        metric = await shown(client, "orders")
    assert metric["kind"] == "sum"
    assert metric["monotonic"] is True
    assert metric["temporality"] == "cumulative"
    assert (metric["unit"], metric["description"]) == ("{order}", "Orders")
    values = {series["attributes"]["status"]: series["value"] for series in metric["series"]}
    assert values == {"confirmed": 5, "rejected": 1}


async def test_replicas_and_scopes_do_not_overwrite_each_other() -> None:
    metric = Metric(name="m", gauge=Gauge(data_points=[NumberDataPoint(as_int=1)]))
    async with receiver() as client:
        for service, scope in (("a", "one"), ("a", "two"), ("b", "one")):
            body = metrics_of(service, [metric], scope)
            await client.post("/v1/metrics", content=body, headers=PROTOBUF)
        assert len((await shown(client, "m"))["series"]) == 3


async def test_equal_attributes_in_another_order_are_the_same_series() -> None:
    async with receiver() as client:
        for attributes in ({"a": 1, "b": 2}, {"b": 2, "a": 1}):
            point = NumberDataPoint(as_int=1, attributes=pairs(attributes))
            await send_metrics(client, "s", Metric(name="m", gauge=Gauge(data_points=[point])))
        assert len((await shown(client, "m"))["series"]) == 1


async def test_a_number_is_shown_as_it_was_sent() -> None:
    for point, value in (
        (NumberDataPoint(as_int=-(2**63)), -(2**63)),
        (NumberDataPoint(as_double=0.25), 0.25),
        (NumberDataPoint(as_int=0), 0),
        (NumberDataPoint(as_double=math.nan), "NaN"),
        (NumberDataPoint(as_double=-math.inf), "-Infinity"),
    ):
        series = await only_series(Metric(name="m", gauge=Gauge(data_points=[point])))
        assert series["value"] == value


async def test_a_point_without_a_value_is_left_out() -> None:
    async with receiver() as client:
        point = NumberDataPoint(as_int=1, flags=1)  # FLAG_NO_RECORDED_VALUE
        await send_metrics(client, "s", Metric(name="m", gauge=Gauge(data_points=[point])))
        await send_metrics(client, "s", Metric(name="nothing"))
        assert (await client.get("/api/metrics")).json() == {"metrics": []}


async def test_a_histogram_has_count_average_and_percentiles() -> None:
    point = HistogramDataPoint(
        count=100,
        sum=500,
        bucket_counts=[50, 40, 10, 0],
        explicit_bounds=[4, 8, 16],
        min=1,
        max=12,
        exemplars=[Exemplar(trace_id=bytes.fromhex(trace_id(7))), Exemplar()],
    )
    data = Histogram(data_points=[point], aggregation_temporality=DELTA)
    series = await only_series(Metric(name="m", unit="s", histogram=data))
    assert series["count"] == 100
    assert series["average"] == 5
    assert (series["min"], series["max"]) == (1, 12)
    assert series["p50"] == 4  # the fiftieth value is the last of the first bucket
    assert series["p95"] == 10  # half of the third bucket, which ends at the maximum
    assert series["bounds"] == [4, 8, 16]
    assert series["bucket_counts"] == [50, 40, 10, 0]


async def test_an_exemplar_leads_to_its_trace() -> None:
    point = HistogramDataPoint(
        count=1, bucket_counts=[1], exemplars=[Exemplar(trace_id=bytes.fromhex(trace_id(7)))]
    )
    async with receiver() as client:
        await send_metrics(client, "s", Metric(name="m", histogram=Histogram(data_points=[point])))
        page = (await client.get("/metrics")).text
    assert f'href="/traces/{trace_id(7)}"' in page


async def test_a_summary_has_count_and_average() -> None:
    data = Summary(data_points=[SummaryDataPoint(count=4, sum=10)])
    series = await only_series(Metric(name="m", summary=data))
    assert (series["count"], series["average"], series["p50"]) == (4, 2.5, None)


@pytest.mark.parametrize("scale", [0, 1, 3, -1])
async def test_an_exponential_histogram_has_the_bounds_of_the_data_model(scale: int) -> None:
    base = 2 ** (2**-scale)
    point = ExponentialHistogramDataPoint(
        count=8,
        sum=1,
        scale=scale,
        zero_count=2,
        zero_threshold=0.01,
        positive=Buckets(offset=2, bucket_counts=[1, 0, 3]),
        negative=Buckets(offset=1, bucket_counts=[1, 1]),
    )
    data = ExponentialHistogram(data_points=[point])
    series = await only_series(Metric(name="m", exponential_histogram=data))
    upper_ends = [-(base**2), -base, 0.01, base**2, base**3, base**4, base**5]
    assert series["bounds"] == pytest.approx(upper_ends)
    assert series["bucket_counts"] == [1, 1, 2, 0, 1, 0, 3, 0]


@given(
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=200),
    st.sampled_from([0.5, 0.95, 0.99]),
)
def test_a_percentile_lies_in_the_bucket_of_the_real_one(
    values: list[float], fraction: float
) -> None:
    bounds = (0.005, 0.01, 0.1, 1.0, 10.0, 100.0)
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[sum(value > bound for bound in bounds)] += 1
    found = percentile(
        Distribution(len(values), sum(values), bounds, tuple(counts), min(values), max(values)),
        fraction,
    )
    real = sorted(values)[math.ceil(fraction * len(values)) - 1]
    assert found is not None
    assert min(values) <= found <= max(values)
    index = sum(real > bound for bound in bounds)
    assert found <= (bounds[index] if index < len(bounds) else max(values))
    assert found >= (bounds[index - 1] if index else min(values))


def test_values_below_the_first_bound_reach_down_to_the_minimum() -> None:
    found = percentile(Distribution(2, -8.0, (-1.0, 0.0), (2, 0, 0), -5.0, -3.0), 0.5)
    assert found == -4.0


def test_values_above_the_last_bound_reach_up_to_the_maximum() -> None:
    found = percentile(Distribution(2, 0.0, (-2.0, -1.0), (0, 0, 2), None, 0.0), 0.5)
    assert found == -0.5


@pytest.mark.parametrize(
    "point",
    [
        Distribution(0, 0.0, (1.0,), (0, 0)),
        Distribution(5, 0.0, (1.0,), (5,)),  # counts and bounds that do not belong together
        Distribution(5, 0.0, (), ()),
    ],
)
def test_a_distribution_without_usable_buckets_has_no_percentile(point: Distribution) -> None:
    assert percentile(point, 0.5) is None
    assert columns_of(point) == ()


def test_many_buckets_share_columns_and_lose_no_value() -> None:
    counts = tuple(range(1, 161))
    columns = columns_of(Distribution(1, 1.0, tuple(map(float, range(159))), counts))
    assert len(columns) <= MOST_COLUMNS
    assert sum(int(column.label.rpartition(" ")[2]) for column in columns) == sum(counts)
    assert max(column.height for column in columns) == 100
    assert columns[-1].left + columns[-1].width <= 100


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
    ],
)
def test_a_value_is_read_with_its_unit(value: float | None, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


def test_a_duration_takes_the_unit_that_keeps_it_short() -> None:
    assert [duration(ns) for ns in (7, 1500, 2_500_000, 61e9)] == [
        "7 ns", "1.5 µs", "2.5 ms", "61 s",
    ]  # fmt: skip


async def test_the_page_has_own_metrics_first_and_tells_what_it_leaves_out() -> None:
    def gauge(name: str, number: int) -> Metric:
        point = NumberDataPoint(as_int=1, attributes=pairs({"n": number}))
        return Metric(name=name, gauge=Gauge(data_points=[point]))

    async with receiver() as client:
        await send_metrics(client, "shop", *(gauge("http.many", n) for n in range(1005)))
        await send_metrics(client, "shop", gauge("arloji.queue.backlog", 1))
        page = (await client.get("/metrics")).text
        assert page.index("arloji.queue.backlog</") < page.index("http.many")
        assert "6 more series" in page
        filtered = (await client.get("/metrics", params={"q": "BACKLOG"})).text
    assert "http.many" not in filtered
    assert "more series" not in filtered
