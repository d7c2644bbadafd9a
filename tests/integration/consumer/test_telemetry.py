"""What the consumer tells: one trace from click to row, counts, and nothing personal."""

import logging
import re
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
from redis.exceptions import ConnectionError as RedisConnectionError

from contracts.orders import OrderMessage, OrderStatus
from local.free_port import free_port
from servicekit.redis import create_redis
from servicekit.stream.consumer_group import current_traceparent
from servicekit.telemetry.tracing import tracer
from services.consumer import orders as orders_module
from services.consumer.decisions import Decision, decide
from services.consumer.messages import STREAM
from services.consumer.metrics import QueueGauges
from tests.integration.consumer.shop import Shop
from tests.order_messages import CUSTOMER, make_order

Spans = InMemorySpanExporter


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    """What the meters of this test measured; the process-wide provider can be set only once."""
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    yield reader
    provider.shutdown()


@pytest.fixture
async def shop(reader: InMemoryMetricReader, stores: Shop, spans: Spans) -> AsyncIterator[Shop]:
    async with stores.consumer() as stores.first:
        spans.clear()
        yield stores


async def publish_from_click(shop: Shop, order: Any) -> int:
    """Publish within a trace, as the publisher does; returns the trace's id."""
    with tracer().start_as_current_span("click") as click:
        await shop.publish(order, traceparent=current_traceparent() or "no trace")
    return int(click.get_span_context().trace_id)


def named(spans: Spans, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def trace_ids(spans: list[ReadableSpan]) -> list[int]:
    return [span.context.trace_id for span in spans if span.context]


def times_of(span: ReadableSpan) -> tuple[int, int]:
    return span.start_time or 0, span.end_time or 0


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def assert_sql_is_inside(spans: Spans, owner: ReadableSpan) -> None:
    """All statements, and their commit after them."""
    statements = [
        span
        for span in spans.get_finished_spans()
        if "db.query.text" in (told := attributes_of(span))
        and "redis" not in (told.get("db.system"), told.get("db.system.name"))
    ]
    (commit,) = named(spans, "COMMIT")
    assert len(statements) >= 5
    assert times_of(commit)[0] >= max(times_of(one)[1] for one in statements)
    assert owner.context is not None
    assert {one.parent and one.parent.span_id for one in (*statements, commit)} == {
        owner.context.span_id
    }


def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    data = reader.get_metrics_data()
    return {
        metric.name: list(metric.data.data_points)
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


async def test_an_order_alone_has_its_sql_in_its_own_span_in_the_trace_of_the_click(
    shop: Shop, spans: Spans
) -> None:
    order = make_order({1: 1})
    click = await publish_from_click(shop, order)
    await shop.first.handle()
    (span,) = named(spans, "process orders")
    assert trace_ids([span]) == [click]
    assert (span.kind, span.status.status_code) == (SpanKind.CONSUMER, StatusCode.UNSET)
    attributes = attributes_of(span)
    assert re.fullmatch(r"\d+-\d+", attributes.pop("messaging.message.id"))
    assert attributes == {
        "messaging.system": "redis",
        "messaging.destination.name": "orders",
        "messaging.consumer.group.name": "consumers",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "arloji.order.deliveries": 1,
        "arloji.order.id": str(order.order_id),
        "arloji.order.status": "confirmed",
    }
    assert_sql_is_inside(spans, span)


async def test_in_a_batch_each_order_has_a_span_linked_to_the_one_that_owns_the_sql(
    shop: Shop, spans: Spans
) -> None:
    made = [*(make_order({1: 1}) for _ in range(3)), make_order({10**12: 1})]
    clicks = [await publish_from_click(shop, order) for order in made]
    await shop.first.handle()
    (batch,) = named(spans, "process batch of orders")
    assert batch.context is not None
    assert batch.parent is None
    assert attributes_of(batch)["messaging.batch.message_count"] == 4
    assert [link.context.trace_id for link in batch.links] == clicks
    orders = named(spans, "process orders")
    assert trace_ids(orders) == clicks
    for span, order in zip(orders, made, strict=True):
        assert [link.context.span_id for link in span.links] == [batch.context.span_id]
        assert attributes_of(span)["arloji.order.id"] == str(order.order_id)
        assert times_of(span)[0] <= times_of(batch)[0] < times_of(span)[1]
    assert attributes_of(orders[-1])["arloji.order.reason"] == "unknown_product"
    assert_sql_is_inside(spans, batch)


async def test_what_cannot_be_stored_is_an_error_in_the_spans_of_its_batch_and_of_each_order(
    shop: Shop, spans: Spans
) -> None:
    def fail(*_: Any) -> Any:
        raise ArithmeticError

    shop.patch.setattr(orders_module, "decide", fail)
    made = {await publish_from_click(shop, one): one for one in (make_order({1: 1}) for _ in "abc")}
    await shop.first.handle()
    (batch,) = named(spans, "process batch of orders")
    orders = named(spans, "process orders")
    assert trace_ids(orders) == list(made)
    for span, order in zip(orders, made.values(), strict=True):
        assert attributes_of(span)["arloji.order.id"] == str(order.order_id)
    for span in (batch, *orders):
        assert span.status.description == attributes_of(span)["error.type"] == "ArithmeticError"


@pytest.mark.parametrize("readable", [False, True], ids=["poison", "order id readable"])
async def test_a_dead_letter_is_an_error_in_the_trace_of_its_order_and_keeps_the_trace(
    shop: Shop, spans: Spans, readable: bool
) -> None:
    order = make_order({1: 1})
    text = order.model_dump_json().replace('"quantity":1', '"quantity":0') if readable else "poison"
    click = await publish_from_click(shop, text)
    await shop.first.handle()
    (span,) = named(spans, "process orders")
    attributes = attributes_of(span)
    assert trace_ids([span]) == [click]
    assert (span.status.status_code, attributes["error.type"]) == (StatusCode.ERROR, "invalid")
    assert attributes.get("arloji.order.id") == (str(order.order_id) if readable else None)
    (dead,) = (await shop.dead_letters()).values()
    assert f"{click:032x}" in dead["traceparent"]


async def test_every_end_of_an_order_is_counted(shop: Shop, reader: InMemoryMetricReader) -> None:
    order, hour = make_order({1: 1}), timedelta(hours=1)
    long_ago, by_a_clock_that_is_ahead = (
        make_order({10**12: 1}, accepted_at=datetime.now(UTC) + age) for age in (-hour, hour)
    )
    for one in (order, long_ago, by_a_clock_that_is_ahead, "poison"):
        await shop.publish(one)
    await shop.first.handle()
    await shop.publish(order)
    await shop.first.handle()
    found = points(reader)
    assert {tuple(one.attributes.items()): one.value for one in found["arloji.orders.settled"]} == {
        (("status", "confirmed"),): 1,
        (("status", "rejected"), ("reason", "unknown_product")): 2,
    }
    (dead,) = found["arloji.orders.dead_lettered"]
    assert (dict(dead.attributes), dead.value) == ({"reason": "invalid"}, 1)
    (duplicates,) = found["arloji.orders.duplicate_deliveries"]
    assert duplicates.value == 1
    (waited,) = found["arloji.orders.time_to_stored"]
    # In seconds, and never less than none.
    assert (waited.count, waited.min, waited.max) == (3, 0, pytest.approx(3600, abs=60))
    assert waited.explicit_bounds[-1] == 3600


async def test_the_gauges_show_the_queue_and_nothing_while_it_is_lost(
    shop: Shop, reader: InMemoryMetricReader
) -> None:
    await shop.queue.xadd("orders", {"order": "old"}, id="1000-0")
    for stream in ["orders"] * 5 + ["orders:dead"] * 2:
        await shop.queue.xadd(stream, {"order": "of now"})
    await shop.first.group.read(3)
    gauges = QueueGauges(shop.queue, STREAM)
    await gauges.check()
    found = {name: one[0].value for name, one in points(reader).items() if "queue" in name}
    assert found == {
        "arloji.queue.oldest_age": pytest.approx(time.time() - 1, abs=60),
        "arloji.queue.backlog": 6,
        "arloji.queue.pending": 3,
        "arloji.queue.dead": 2,
        "arloji.queue.durable": 1,
    }
    async with create_redis(f"redis://127.0.0.1:{free_port()}/0", timeout_seconds=1) as nowhere:
        gauges._client = nowhere
        with pytest.raises(RedisConnectionError):
            await gauges.check()
    assert [name for name in points(reader) if "queue" in name] == []


async def test_a_queue_that_is_not_durable_is_said_once_and_again_after_it_was(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    gauges = QueueGauges(shop.cache, STREAM)
    for durable in ("no", "no", "yes", "no"):
        await shop.cache.config_set("appendonly", durable)
        assert ("NOT DURABLE" in await gauges.check()) is (durable == "no")
    assert caplog.text.count("no append-only file: it can lose orders") == 2


async def test_nothing_personal_is_in_spans_or_logs(
    shop: Shop, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong: a bad message, a row that the database refuses, an error of ours."""

    def decide_what_no_row_may_say(messages: list[OrderMessage], *_: Any) -> list[Decision]:
        return [Decision(message, OrderStatus.CONFIRMED, None, -1, {}) for message in messages]

    def fail_loudly(messages: list[Any], *_: Any) -> Any:
        raise ValueError(f"cannot decide {messages}")

    text = make_order({1: 1}).model_dump_json()
    with caplog.at_level(logging.DEBUG):
        for how in (decide, decide_what_no_row_may_say, fail_loudly):
            shop.patch.setattr(orders_module, "decide", how)
            await shop.publish(text.replace('"quantity":1', '"quantity":"x"'))
            await shop.publish_new(2)
            await shop.first.handle()
        shop.patch.setattr(orders_module, "decide", decide)
        shop.patch.setattr(shop.first.handler._metrics, "committed", fail_loudly)
        await shop.publish_new(1)
        with pytest.raises(ValueError, match="Sari"):
            await shop.first.handle()
    assert "IntegrityError" in caplog.text or "OperationalError" in caplog.text
    assert "ValueError" in caplog.text
    told = caplog.text + "".join(span.to_json() for span in spans.get_finished_spans())
    assert not [personal for personal in CUSTOMER.values() if personal in told]
