"""The receiver's memory is bounded: the oldest goes first, and what goes is counted."""

import tracemalloc
from typing import Any

import httpx
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint

from local.receiver.app import create_app
from local.receiver.decode import Origins
from local.receiver.decode_metrics import decode_series
from local.receiver.records import SpanRecord
from local.receiver.store import Limits, Store
from tests.otlp import (
    log,
    metrics_of,
    pairs,
    receiver,
    resource,
    send_logs,
    send_metrics,
    send_spans,
    span,
    span_id,
    trace_id,
)


async def counts(client: httpx.AsyncClient) -> dict[str, int]:
    held: dict[str, int] = (await client.get("/api/telemetry")).json()
    return held


async def kept_traces(client: httpx.AsyncClient) -> set[str]:
    found = (await client.get("/api/traces")).json()["traces"]
    return {trace["trace_id"] for trace in found}


async def span_count(client: httpx.AsyncClient, trace: int) -> int:
    answer = await client.get(f"/api/traces/{trace_id(trace)}")
    return sum(
        len(group["spans"])
        for entry in answer.json()["resourceSpans"]
        for group in entry["scopeSpans"]
    )


def gauge(name: str, value: float = 1, **attributes: Any) -> Metric:
    point = NumberDataPoint(as_double=value, attributes=pairs(attributes))
    return Metric(name=name, gauge=Gauge(data_points=[point]))


async def test_the_oldest_trace_makes_room_and_is_counted() -> None:
    async with receiver(traces=2) as client:
        await send_spans(client, "shop", span(1, 1), span(1, 2), span(2))
        await send_spans(client, "shop", span(3))
        assert await kept_traces(client) == {trace_id(2), trace_id(3)}
        held = await counts(client)
        assert (held["traces"], held["spans"]) == (2, 2)
        assert (held["dropped_traces"], held["dropped_spans"]) == (1, 2)


async def test_a_trace_that_still_grows_is_not_the_oldest() -> None:
    async with receiver(traces=2) as client:
        await send_spans(client, "shop", span(1, 1), span(2), span(1, 2))
        await send_spans(client, "shop", span(3))
        assert await kept_traces(client) == {trace_id(1), trace_id(3)}


async def test_spans_beyond_the_bound_of_one_trace_are_dropped_and_shown_as_such() -> None:
    async with receiver(spans_per_trace=3) as client:
        await send_spans(client, "shop", *(span(1, number) for number in range(1, 6)))
        assert await span_count(client, 1) == 3
        held = await counts(client)
        assert (held["spans"], held["dropped_spans"], held["dropped_traces"]) == (3, 2, 0)
        page = (await client.get(f"/traces/{trace_id(1)}")).text
        assert "2 more dropped" in page


async def test_a_repeated_batch_changes_nothing() -> None:
    async with receiver(spans_per_trace=2) as client:
        await send_spans(client, "shop", span(1, 1), span(1, 2))
        before = await counts(client)
        await send_spans(client, "shop", span(1, 1), span(1, 2))
        assert await counts(client) == before


async def test_traces_are_bounded_by_bytes_too() -> None:
    text = "x" * 10_000
    async with receiver(trace_bytes=50_000) as client:
        for trace in range(1, 21):
            await send_spans(client, "shop", span(trace, attributes={"text": text}))
            assert (await counts(client))["bytes"] <= 50_000
        held = await counts(client)
        assert 3 <= held["traces"] <= 4
        assert held["dropped_traces"] == 20 - held["traces"]
        assert trace_id(20) in await kept_traces(client)


async def test_one_trace_larger_than_the_store_does_not_stay() -> None:
    async with receiver(trace_bytes=5_000) as client:
        await send_spans(client, "shop", span(1, attributes={"text": "x" * 10_000}))
        held = await counts(client)
        assert (held["spans"], held["bytes"], held["dropped_spans"]) == (0, 0, 1)


async def test_the_oldest_log_line_makes_room_and_is_counted() -> None:
    async with receiver(logs=2) as client:
        await send_logs(client, "shop", log("one"), log("two"), log("three", ms=1))
        kept = (await client.get("/api/logs")).json()["logs"]
        assert {line["body"] for line in kept} == {"two", "three"}
        assert (await counts(client))["dropped_logs"] == 1


async def test_log_lines_are_bounded_by_bytes_too() -> None:
    async with receiver(log_bytes=20_000) as client:
        for _ in range(10):
            await send_logs(client, "shop", log("x" * 1000))
            assert (await counts(client))["bytes"] <= 20_000
        assert (await counts(client))["dropped_logs"] > 0


async def test_the_longest_unchanged_series_makes_room_and_is_counted() -> None:
    async with receiver(series=2) as client:
        await send_metrics(client, "shop", gauge("a"), gauge("b"), gauge("a", 2), gauge("c"))
        kept = (await client.get("/api/metrics")).json()["metrics"]
        assert [metric["name"] for metric in kept] == ["a", "c"]
        assert kept[0]["series"][0]["value"] == 2
        assert (await counts(client))["dropped_series"] == 1


async def test_series_are_bounded_by_bytes_too() -> None:
    async with receiver(series_bytes=20_000) as client:
        for number in range(50):
            await send_metrics(client, "shop", gauge("a", number=number))
            assert (await counts(client))["bytes"] <= 20_000
        assert (await counts(client))["dropped_series"] > 0


def test_a_series_that_fell_silent_is_forgotten_without_being_counted_as_dropped() -> None:
    now = 1000.0
    store = Store(Limits(series_seconds=300), clock=lambda: now)
    origins = Origins()
    for name in ("old", "new"):
        body = ExportMetricsServiceRequest.FromString(metrics_of("shop", [gauge(name)]))
        for series in decode_series(body, origins):
            assert series is not None
            store.metrics.add(series)
        now += 200
    assert [series.instrument.name for series in store.metrics.current()] == ["new"]
    assert store.metrics.dropped == 0
    now += 200
    assert store.metrics.current() == []
    assert store.counts()["bytes"] == 0


async def test_emptying_the_store_forgets_everything() -> None:
    async with receiver() as client:
        await send_spans(client, "shop", span(1))
        await send_logs(client, "shop", log("one"))
        await send_metrics(client, "shop", gauge("a"))
        assert (await client.delete("/api/telemetry")).status_code == 204
        assert set((await counts(client)).values()) == {0}
        # and it still receives
        await send_spans(client, "shop", span(2))
        assert await kept_traces(client) == {trace_id(2)}


async def test_only_this_machine_may_empty_the_store() -> None:
    transport = httpx.ASGITransport(create_app(allowed_hosts=["telemetry"]))
    async with httpx.AsyncClient(transport=transport, base_url="http://telemetry:4318") as other:
        assert (await other.get("/api/telemetry")).status_code == 200
        assert (await other.delete("/api/telemetry")).status_code == 403


def record(origins: Origins, trace: int, number: int, service: str = "shop") -> SpanRecord:
    return SpanRecord(
        trace_id=trace_id(trace),
        span_id=span_id(number),
        parent_id="",
        name="work",
        kind=1,
        started_ns=1,
        ended_ns=2,
        failed=False,
        order_id="",
        origin=origins.of(resource(service), "", InstrumentationScope(name="tests"), ""),
        raw=b"raw",
    )


def test_a_resource_shared_by_many_spans_counts_once() -> None:
    origins, store = Origins(), Store(Limits(traces=1))
    first, second = record(origins, 1, 1), record(origins, 1, 2)
    assert first.origin is second.origin
    store.traces.add(first)
    alone = store.counts()["bytes"]
    store.traces.add(second)
    assert store.counts()["bytes"] - alone == second.size < alone
    store.traces.add(record(origins, 2, 1))  # the first trace goes, the origin stays
    assert store.counts()["bytes"] == alone


def test_what_is_counted_covers_what_a_record_takes() -> None:
    """A mass of small spans is the worst case: overhead is all that they have."""
    origins, store = Origins(), Store(Limits())
    tracemalloc.start()
    for number in range(2000):
        store.traces.add(record(origins, 1 + number // 10, 1 + number % 10))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken <= store.counts()["bytes"]
