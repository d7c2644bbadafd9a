"""The receiver's memory is bounded: the oldest goes first, and what goes is counted."""

import tracemalloc
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from local.receiver.app import create_app
from local.receiver.decode import Origins, decode_spans
from local.receiver.decode_metrics import decode_series
from local.receiver.store import Limits, Store
from tests.otlp import export_of, gauge, log, receiver, send, span, trace_id

TEXT = {"text": "x" * 10_000}


async def counts(client: httpx.AsyncClient) -> dict[str, int]:
    held: dict[str, int] = (await client.get("/api/telemetry")).json()
    return held


async def kept_traces(client: httpx.AsyncClient) -> list[str]:
    found = (await client.get("/api/traces")).json()["traces"]
    return sorted(trace["trace_id"] for trace in found)


async def test_the_trace_that_changed_longest_ago_makes_room() -> None:
    async with receiver(traces=2) as client:
        await send(client, "shop", span(2, 1), span(2, 2), span(1, 1), span(2, 3), span(1, 2))
        await send(client, "shop", span(3))
        assert await kept_traces(client) == [trace_id(1), trace_id(3)]
        held = await counts(client)
    assert (held["traces"], held["spans"]) == (2, 3)
    assert (held["dropped_traces"], held["dropped_spans"]) == (1, 3)


async def test_spans_beyond_the_bound_of_one_trace_are_dropped_and_shown_as_such() -> None:
    async with receiver(spans_per_trace=3) as client:
        await send(client, "shop", *(span(1, number) for number in range(1, 6)))
        held = await counts(client)
        page = (await client.get(f"/traces/{trace_id(1)}")).text
    assert (held["spans"], held["dropped_spans"], held["dropped_traces"]) == (3, 2, 0)
    assert "2 more dropped" in page
    assert "Dropped to stay within the limits" in page


async def test_a_repeated_batch_changes_nothing() -> None:
    async with receiver(spans_per_trace=2) as client:
        await send(client, "shop", span(1, 1), span(1, 2))
        before = await counts(client)
        await send(client, "shop", span(1, 1), span(1, 2))
        assert await counts(client) == before


@pytest.mark.parametrize(
    ("limit", "value", "field", "records", "at_least_kept"),
    [
        ("logs", 2, "logs", [log("line")] * 3, 2),
        ("series", 2, "series", [gauge("a"), gauge("b"), gauge("c")], 2),
        ("trace_bytes", 50_000, "spans", [span(n, attributes=TEXT) for n in range(1, 21)], 3),
        ("trace_bytes", 5_000, "traces", [span(attributes=TEXT)], 0),
        ("log_bytes", 50_000, "logs", [log("x" * 1000)] * 10, 3),
        ("series_bytes", 20_000, "series", [gauge("a", n=number) for number in range(50)], 3),
    ],
)
async def test_what_exceeds_a_bound_makes_the_oldest_go_and_is_counted(
    limit: str, value: int, field: str, records: list[Any], at_least_kept: int
) -> None:
    bounds: dict[str, Any] = {limit: value}
    async with receiver(**bounds) as client:
        for record in records:
            await send(client, "shop", record)
            held = await counts(client)
            assert held["bytes" if limit.endswith("bytes") else field] <= value
    assert at_least_kept <= held[field] < len(records)
    assert held[f"dropped_{field}"] == len(records) - held[field]
    assert held[field] or held["bytes"] == 0


async def test_the_newest_log_lines_and_series_stay() -> None:
    async with receiver(logs=2, series=2) as client:
        await send(client, "shop", log("one"), log("two"), log("three", ms=1))
        await send(client, "shop", gauge("a"), gauge("b"), gauge("a", 2), gauge("c"))
        logs = (await client.get("/api/logs")).json()["logs"]
        metrics = (await client.get("/api/metrics")).json()["metrics"]
    assert [line["body"] for line in logs] == ["three", "two"]
    assert [(one["name"], one["series"][0]["value"]) for one in metrics] == [("a", 2), ("c", 1)]


def test_a_series_that_fell_silent_is_forgotten_without_being_counted_as_dropped() -> None:
    now = 1000.0
    store = Store(Limits(series_seconds=300), clock=lambda: now)
    origins = Origins()

    def add(name: str) -> None:
        _, body = export_of("shop", gauge(name))
        for series in decode_series(ExportMetricsServiceRequest.FromString(body), origins):
            assert series is not None
            store.metrics.add(series)

    for name in ("kept", "silent", "kept"):
        add(name)
        now += 200
    add("other")
    assert store.counts()["series"] == 2, "a silent one goes as another one comes"
    assert [series.instrument.name for series in store.metrics.current()] == ["kept", "other"]
    now += 200
    assert [series.instrument.name for series in store.metrics.current()] == ["other"]
    now += 200
    assert store.metrics.current() == []
    assert (store.metrics.dropped, store.counts()["bytes"]) == (0, 0)


async def test_emptying_the_store_forgets_everything_and_it_still_receives() -> None:
    async with receiver() as client:
        for record in (span(1), log("one"), gauge("a")):
            await send(client, "shop", record)
        assert (await client.delete("/api/telemetry")).status_code == 204
        assert set((await counts(client)).values()) == {0}
        await send(client, "shop", span(2))
        assert await kept_traces(client) == [trace_id(2)]


async def test_only_this_machine_may_empty_the_store() -> None:
    transport = httpx.ASGITransport(create_app(allowed_hosts=["telemetry"]))
    async with httpx.AsyncClient(transport=transport, base_url="http://telemetry:4318") as other:
        assert (await other.get("/api/telemetry")).status_code == 200
        assert (await other.delete("/api/telemetry")).status_code == 403


@pytest.mark.parametrize("services", [1, 2000])
def test_what_is_counted_covers_what_a_record_takes(services: int) -> None:
    """A mass of small spans is the worst case: overhead is all that they have."""
    origins, store = Origins(), Store(Limits(traces=10_000))
    bodies = [
        export_of(f"shop{number % services}", span(1 + number // 10, 1 + number % 10))[1]
        for number in range(2000)
    ]
    tracemalloc.start()
    for body in bodies:
        for record in decode_spans(ExportTraceServiceRequest.FromString(body), origins):
            assert record is not None
            store.traces.add(record)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken <= store.counts()["bytes"] <= 4 * taken
