"""What the consumer tells: one trace from click to row, counts, and nothing personal."""

import logging
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from contracts.orders import OrderMessage, OrderStatus
from servicekit.redis import create_redis
from servicekit.stream.consumer_group import current_traceparent
from servicekit.telemetry.tracing import tracer
from services.consumer import orders as orders_module
from services.consumer.decisions import Decision, decide
from services.consumer.messages import STREAM
from services.consumer.metrics import QueueGauges
from tests.integration.consuming import (
    CUSTOMER,
    Consumer,
    consumer,
    dead_letters,
    make_order,
    publish,
)
from tests.servers import RedisServer, free_port


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    """What the meters of this test measured; the process-wide provider can be set only once."""
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    yield reader
    provider.shutdown()


@pytest.fixture
async def first(
    reader: InMemoryMetricReader,
    queue_server: RedisServer,
    queue: Redis,
    cache_server: RedisServer,
    database_url: str,
    spans: InMemorySpanExporter,
) -> AsyncIterator[Consumer]:
    async with consumer(queue_server.url, cache_server.url, database_url) as one:
        spans.clear()
        yield one


async def publish_from_click(queue: Redis, order: Any) -> int:
    """Publish within a trace, as the publisher does; returns the trace's id."""
    with tracer().start_as_current_span("click") as click:
        traceparent = current_traceparent()
        assert traceparent is not None
        await publish(queue, order, traceparent=traceparent)
    return int(click.get_span_context().trace_id)


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def trace_id(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.trace_id


def sql_spans(spans: InMemorySpanExporter) -> list[ReadableSpan]:
    return [
        span
        for span in spans.get_finished_spans()
        if "db.query.text" in (span.attributes or {}) and not is_redis(span)
    ]


def is_redis(span: ReadableSpan) -> bool:
    attributes = span.attributes or {}
    return "redis" in (attributes.get("db.system"), attributes.get("db.system.name"))


def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    data = reader.get_metrics_data()
    return {
        metric.name: list(metric.data.data_points)
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


async def test_an_order_alone_has_its_sql_in_its_own_span_in_the_trace_of_the_click(
    first: Consumer, queue: Redis, spans: InMemorySpanExporter
) -> None:
    order = make_order({1: 1})
    click = await publish_from_click(queue, order)
    await first.handle()
    (span,) = named(spans, "process orders")
    assert trace_id(span) == click
    assert span.kind is SpanKind.CONSUMER
    assert span.status.status_code is not StatusCode.ERROR
    attributes = dict(span.attributes or {})
    assert attributes.pop("messaging.message.id")
    assert attributes == {
        "messaging.system": "redis",
        "messaging.destination.name": "orders",
        "messaging.consumer.group.name": "consumers",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "arloji.order.id": str(order.order_id),
        "arloji.order.status": "confirmed",
    }
    statements = [*sql_spans(spans), *named(spans, "COMMIT")]
    assert len(statements) >= 6
    assert (statements[-1].start_time or 0) >= max(s.end_time or 0 for s in statements[:-1])
    assert span.context is not None
    assert {s.parent.span_id if s.parent else None for s in statements} == {span.context.span_id}


async def test_in_a_batch_each_order_has_a_span_linked_to_the_one_that_owns_the_sql(
    first: Consumer, queue: Redis, spans: InMemorySpanExporter
) -> None:
    clicks = [await publish_from_click(queue, make_order({1: 1})) for _ in range(3)]
    refused = await publish_from_click(queue, make_order({10**12: 1}))
    await first.handle()
    (batch,) = named(spans, "process batch of orders")
    assert batch.context is not None
    assert batch.parent is None
    assert (batch.attributes or {})["messaging.batch.message_count"] == 4
    assert [link.context.trace_id for link in batch.links] == [*clicks, refused]
    orders = named(spans, "process orders")
    assert [trace_id(span) for span in orders] == [*clicks, refused]
    for span in orders:
        assert [link.context.span_id for link in span.links] == [batch.context.span_id]
    assert (orders[-1].attributes or {})["arloji.order.reason"] == "unknown_product"
    statements = [*sql_spans(spans), *named(spans, "COMMIT")]
    assert statements[-1].name == "COMMIT"
    assert {s.parent.span_id if s.parent else None for s in statements} == {batch.context.span_id}


async def test_a_batch_that_falls_apart_gives_each_order_one_span(
    first: Consumer, queue: Redis, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> Any:
        raise ArithmeticError

    monkeypatch.setattr(first.handler._repository, "store_together", fail)
    clicks = {await publish_from_click(queue, make_order({1: 1})) for _ in range(3)}
    await first.handle()
    orders = named(spans, "process orders")
    assert len(orders) == 3
    assert {trace_id(span) for span in orders} == clicks
    (batch,) = named(spans, "process batch of orders")
    assert batch.status.description == "ArithmeticError"


async def test_a_trace_context_that_is_none_starts_a_trace(
    first: Consumer, queue: Redis, spans: InMemorySpanExporter
) -> None:
    await publish(queue, make_order({1: 1}), traceparent="nonsense")
    await first.handle()
    (span,) = named(spans, "process orders")
    assert span.parent is None


async def test_a_dead_letter_is_an_error_in_the_trace_of_its_order_and_keeps_the_trace(
    first: Consumer, queue: Redis, spans: InMemorySpanExporter
) -> None:
    click = await publish_from_click(queue, "poison")
    await first.handle()
    (span,) = named(spans, "process orders")
    assert trace_id(span) == click
    assert (span.attributes or {})["error.type"] == "invalid"
    assert span.status.status_code is StatusCode.ERROR
    ((_, letter),) = await dead_letters(queue)
    assert f"{click:032x}" in letter["traceparent"]


async def test_every_end_of_an_order_is_counted(
    first: Consumer, queue: Redis, reader: InMemoryMetricReader
) -> None:
    order = make_order({1: 1})
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    for one in (order, make_order({10**12: 1}, accepted_at=long_ago), "poison"):
        await publish(queue, one)
    await first.handle()
    await publish(queue, order)
    await first.handle()
    found = points(reader)
    settled = {
        tuple(sorted(point.attributes.items())): point.value
        for point in found["arloji.orders.settled"]
    }
    assert settled == {
        (("status", "confirmed"),): 1,
        (("reason", "unknown_product"), ("status", "rejected")): 1,
    }
    (dead,) = found["arloji.orders.dead_lettered"]
    assert (dict(dead.attributes), dead.value) == ({"reason": "invalid"}, 1)
    (duplicates,) = found["arloji.orders.duplicate_deliveries"]
    assert duplicates.value == 1
    (waited,) = found["arloji.orders.time_to_stored"]
    assert waited.count == 2
    # One of them an hour ago, in seconds.
    assert waited.max == pytest.approx(3600, abs=60)
    assert waited.explicit_bounds[-1] == 3600


async def test_the_gauges_show_the_queue_and_nothing_while_it_is_away(
    first: Consumer, reader: InMemoryMetricReader, queue: Redis
) -> None:
    client: Any = queue
    await queue.xadd("orders", {"order": "old"}, id="1000-0")
    for stream in ["orders"] * 5 + ["orders:dead"] * 2:
        await queue.xadd(stream, {"order": "of now"})
    await first.read(3)
    gauges = QueueGauges(client, STREAM)
    await gauges.check()
    found = points(reader)
    values = {name: [p.value for p in found[name]] for name in found if "queue" in name}
    (age,) = values.pop("arloji.queue.oldest_age")
    assert age == pytest.approx(time.time() - 1, abs=60)
    assert values == {
        "arloji.queue.backlog": [6],
        "arloji.queue.pending": [3],
        "arloji.queue.dead": [2],
        "arloji.queue.durable": [1],
    }
    async with create_redis(f"redis://127.0.0.1:{free_port()}/0", timeout_seconds=1) as nowhere:
        gauges._client = nowhere
        with pytest.raises(RedisConnectionError):
            await gauges.check()
    assert [name for name in points(reader) if "queue" in name] == []


async def test_a_queue_that_is_not_durable_is_said_once_and_again_after_it_was(
    first: Consumer, cache: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    gauges = QueueGauges(cache, STREAM)
    for durable in ("no", "no", "yes", "no"):
        await cache.config_set("appendonly", durable)
        assert ("NOT DURABLE" in await gauges.check()) is (durable == "no")
    assert caplog.text.count("no append-only file: it can lose orders") == 2


async def test_nothing_personal_is_in_spans_or_logs(
    first: Consumer,
    queue: Redis,
    spans: InMemorySpanExporter,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever goes wrong: a bad message, a row that the database refuses, an error of ours."""
    text = make_order({1: 1}).model_dump_json()
    with caplog.at_level(logging.DEBUG):
        for how in (decide, decide_what_no_row_may_say, fail_loudly):
            monkeypatch.setattr(orders_module, "decide", how)
            await publish(queue, text.replace('"quantity":1', '"quantity":"x"'))
            await publish(queue, make_order({1: 1}))
            await publish(queue, make_order({1: 1}))
            await first.handle()
    assert "IntegrityError" in caplog.text or "OperationalError" in caplog.text
    assert "ValueError" in caplog.text
    told = caplog.text + "".join(span.to_json() for span in spans.get_finished_spans())
    for personal in CUSTOMER.values():
        assert personal not in told


def decide_what_no_row_may_say(messages: list[OrderMessage], *_: Any) -> list[Decision]:
    return [Decision(message, OrderStatus.CONFIRMED, None, -1, {}) for message in messages]


def fail_loudly(messages: list[Any], *_: Any) -> Any:
    raise ValueError(f"cannot decide {messages}")
