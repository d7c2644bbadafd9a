"""An accepted order: what is in the queue, in the audit and in the trace, and that a repetition
is the same order."""

import asyncio
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, format_span_id, format_trace_id
from redis.asyncio import Redis

from contracts.orders import OrderMessage, OrderRequest, PendingOrder
from services.publisher.orders import OrderPublisher
from tests.publishing import (
    GUEST,
    audited,
    entries,
    headers,
    order,
    place,
    publisher,
    raw_entries,
    redis_user,
    until_ready,
)
from tests.servers import RedisServer
from tests.waiting import eventually_async as eventually

ORDER_ID = str(uuid.uuid5(uuid.UUID(GUEST), "key-1"))
FINGERPRINT = OrderRequest.model_validate(order()).fingerprint()
JSON = {"Content-Type": "application/json"}
HOSTILE = {
    "name": "' OR 1=1 -- {{7*7}}${jndi:ldap://x} %s%n\\x00",
    "email": "a@b.c",
    "address": "1\nXADD orders * a b 💥 " + "ﷺ" * 90,
}


async def record_of(queue: Redis, key: str) -> str:
    record = await queue.get(f"idem:{GUEST}:{key}")
    return record.decode() if isinstance(record, bytes) else ""


async def test_an_accepted_order_is_in_the_queue_and_in_the_audit_with_its_id(
    client: httpx.AsyncClient, queue: Redis, tmp_path: Path
) -> None:
    """With every text as it was typed."""
    sent = order() | {"expected_total_idr": 5_000_001, "customer": HOSTILE}
    answer = await client.post("/api/orders", json=sent, headers=headers("key-1"))
    assert answer.status_code == 202
    url = f"/api/orders/{ORDER_ID}"
    assert answer.json() == {"order_id": ORDER_ID, "status": "accepted", "status_url": url}
    assert (answer.headers["location"], answer.headers["cache-control"]) == (url, "no-store")

    [(entry_id, fields)] = await raw_entries(queue)
    assert set(fields) == {b"schema", b"order", b"traceparent"}
    assert fields[b"schema"] == b"1"
    message = OrderMessage.model_validate_json(fields[b"order"])
    assert (str(message.order_id), str(message.guest_id)) == (ORDER_ID, GUEST)
    assert message.fingerprint == OrderRequest.model_validate(sent).fingerprint()
    assert message.model_dump(mode="json", include=set(sent)) == sent
    assert list(json.loads(fields[b"order"])) == [
        *("order_id", "guest_id", "fingerprint"),
        *("items", "customer", "expected_total_idr", "accepted_at"),
    ]

    stored: Any = await queue.hgetall(f"pending:{GUEST}")
    assert PendingOrder.model_validate_json(stored[ORDER_ID.encode()]) == PendingOrder(
        items=message.items, accepted_at=message.accepted_at
    )
    assert await queue.ttl(f"pending:{GUEST}") == -1
    assert await record_of(queue, "key-1") == f"{message.fingerprint} queued"
    assert 3590 < await queue.ttl(f"idem:{GUEST}:key-1") <= 3600

    accepted_at = json.loads(fields[b"order"])["accepted_at"]
    line = {"order_id": ORDER_ID, "entry_id": entry_id, "accepted_at": accepted_at}
    assert audited(tmp_path) == [line]


async def test_no_202_leaves_before_its_audit_line(
    client: httpx.AsyncClient, queue: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk_answers = asyncio.Event()
    loop = asyncio.get_running_loop()

    def append_when_the_disk_answers(_file: object, lines: bytes) -> None:
        if lines:
            asyncio.run_coroutine_threadsafe(disk_answers.wait(), loop).result(30)

    monkeypatch.setattr(
        "services.publisher.audit_file.AuditFile.append", append_when_the_disk_answers
    )
    placing = asyncio.create_task(place(client, "key-1"))
    await eventually(lambda: queue.xlen("orders"))
    await asyncio.wait([placing], timeout=0.1)
    assert not placing.done()
    disk_answers.set()
    assert (await placing).status_code == 202


async def test_an_order_without_an_audit_is_accepted_all_the_same_and_reported(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    blocked = tmp_path / "audit"
    blocked.write_text("a file where the folder should be")
    async with publisher(queue_server.url, blocked) as client:
        assert (await place(client, "key-1")).status_code == 202
        ready = await until_ready(client, lambda answer: answer["status"] == "degraded")
        assert (await client.get("/readyz")).status_code == 200
    assert len(await entries(queue)) == 1
    assert ready["checks"]["audit"]["ok"] is False


async def test_a_repetition_is_the_same_order_and_changes_nothing(
    client: httpx.AsyncClient,
    queue: Redis,
    tmp_path: Path,
    metric_values: Callable[[str], list[float]],
) -> None:
    first = await place(client, "key-1")
    accepted = sum(metric_values("arloji.orders.accepted"))
    again = await place(client, "key-1")
    assert (again.status_code, again.json()) == (202, first.json())
    assert len(await entries(queue)) == 1
    assert sum(metric_values("arloji.orders.accepted")) == accepted
    assert [line["order_id"] for line in audited(tmp_path)] == [ORDER_ID] * 2
    assert audited(tmp_path)[1]["entry_id"] is None

    await place(client, "key-2")
    assert sum(metric_values("arloji.orders.accepted")) == accepted + 1


async def test_a_repetition_may_spell_the_same_order_differently(
    client: httpx.AsyncClient, queue: Redis
) -> None:
    lines = [{"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 2}]
    one = json.dumps({**order(), "items": lines})
    other = json.dumps({"expected_total_idr": None, **order(), "items": lines[::-1]}, indent=3)
    answers = [
        await client.post("/api/orders", content=body, headers=headers("key-1") | JSON)
        for body in (one, other)
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert len(await entries(queue)) == 1


async def test_a_key_stands_for_one_body_of_one_guest(
    client: httpx.AsyncClient, queue: Redis
) -> None:
    await place(client, "key-1")
    reused = await place(client, "key-1", quantity=3)
    assert reused.status_code == 422
    assert reused.json()["type"] == "urn:arloji:problem:idempotency-key-reused"
    assert [entry["items"][0]["quantity"] for entry in await entries(queue)] == [2]
    other = await client.post(
        "/api/orders", json=order(3), headers=headers("key-1", str(uuid.uuid4()))
    )
    assert other.status_code == 202
    assert other.json()["order_id"] != ORDER_ID
    assert len(await entries(queue)) == 2


async def test_a_repetition_after_the_record_expired_is_the_same_order_queued_again(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    async with publisher(queue_server.url, tmp_path, idempotency_seconds=1) as client:
        first = await place(client, "key-1")
        await eventually(lambda: record_of(queue, "key-1"), lambda record: not record)
        again = await place(client, "key-1")
    assert (again.status_code, again.json()) == (202, first.json())
    assert [entry["order_id"] for entry in await entries(queue)] == [ORDER_ID] * 2


async def test_a_retry_after_a_death_between_record_and_entry_enqueues(
    client: httpx.AsyncClient, queue: Redis
) -> None:
    await queue.set(f"idem:{GUEST}:key-1", FINGERPRINT, ex=3600)
    assert (await place(client, "key-1")).status_code == 202
    assert len(await entries(queue)) == 1
    assert await record_of(queue, "key-1") == f"{FINGERPRINT} queued"


async def test_fifty_at_once_are_one_entry_and_two_publishers_at_once_make_one_order_id(
    queue_server: RedisServer, queue: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue = OrderPublisher._enqueue

    async def enqueue_slowly(*arguments: Any) -> Any:
        await asyncio.sleep(0.2)
        return await enqueue(*arguments)

    monkeypatch.setattr(OrderPublisher, "_enqueue", enqueue_slowly)
    async with (
        publisher(queue_server.url, tmp_path) as one,
        publisher(queue_server.url, tmp_path) as other,
    ):
        answers = await asyncio.gather(*(place(one, "key-1") for _ in range(50)))
        assert len(await entries(queue)) == 1
        both = [place(client, "key-2") for client in (one, other) for _ in range(10)]
        answers += await asyncio.gather(*both)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["order_id"] for answer in answers}) == 2
    assert len({entry["order_id"] for entry in await entries(queue)}) == 2


async def test_one_trace_leads_from_the_request_into_the_entry(
    client: httpx.AsyncClient,
    queue: Redis,
    spans: InMemorySpanExporter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And neither trace nor log has anything personal."""
    with caplog.at_level("DEBUG"):
        answer = await place(client, "key-1")
        await place(client, "key-1", quantity=3)
    [(entry_id, fields)] = await raw_entries(queue)
    trace_id = int(answer.headers["traceresponse"].split("-")[1], 16)
    by_kind: dict[SpanKind, list[ReadableSpan]] = {}
    for span in spans.get_finished_spans():
        if span.context is not None and span.context.trace_id == trace_id:
            by_kind.setdefault(span.kind, []).append(span)
    [server], [producer] = by_kind[SpanKind.SERVER], by_kind[SpanKind.PRODUCER]
    assert producer.name == "send orders"
    assert producer.parent is not None
    assert producer.parent.span_id == server.context.span_id
    assert dict(producer.attributes or {}) == {
        "messaging.system": "redis",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "orders",
        "messaging.message.id": entry_id,
        "arloji.order.id": ORDER_ID,
    }
    assert dict(server.attributes or {})["arloji.order.id"] == ORDER_ID
    assert fields[b"traceparent"].decode().split("-")[1:3] == [
        format_trace_id(producer.context.trace_id),
        format_span_id(producer.context.span_id),
    ]
    assert [span.name for span in by_kind[SpanKind.CLIENT]] == ["SET", "XADD HSET SET"]
    assert [span.name for span in by_kind[SpanKind.INTERNAL]] == ["append audit line"]
    told = caplog.text + "".join(span.to_json() for span in spans.get_finished_spans())
    assert [text for text in ("Sari", "sari@", "Merdeka") if text in told] == []


async def test_there_is_one_route_and_its_description_is_the_gateways(
    client: httpx.AsyncClient,
) -> None:
    wrong = await client.put("/api/orders", json=order(), headers=headers("key"))
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert (await client.post("/api/order", json=order())).status_code == 404
    assert (await client.get("/openapi.json")).status_code == 404


async def test_the_rights_of_the_contract_are_enough(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    rights = (
        "~orders ~idem:* ~pending:* +xadd +xlen +xrange +set +get +hset +multi +exec +discard +info"
    )
    async with (
        redis_user(queue, queue_server, rights) as url,
        publisher(url, tmp_path) as client,
    ):
        assert [(await place(client, "key-1")).status_code for _ in range(2)] == [202, 202]
        ready = await until_ready(client, lambda answer: answer["status"] == "ok")
    assert ready["checks"]["queue"]["detail"].startswith("durable")
