"""An accepted order: what is in the queue, in the audit and in the trace, and that a repetition
is the same order."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, format_span_id, format_trace_id
from redis.asyncio import Redis

from contracts.orders import OrderMessage, OrderRequest, PendingOrder
from servicekit.redis import create_redis
from services.publisher.app import create_app
from services.publisher.publishing import OrderPublisher
from services.publisher.settings import Settings
from tests.asgi import served
from tests.integration.publisher import (
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


@pytest.fixture
async def client(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    async with publisher(queue_server.url, tmp_path) as client:
        yield client


async def record_of(queue: Redis, key: str) -> str:
    record = await queue.get(f"idem:{GUEST}:{key}")
    return record.decode() if isinstance(record, bytes) else ""


async def test_an_accepted_order_is_in_the_queue_with_its_id(
    client: httpx.AsyncClient, queue: Redis
) -> None:
    sent = order() | {"expected_total_idr": 5_000_001}
    answer = await client.post("/api/orders", json=sent, headers=headers("key-1"))
    order_id = str(uuid.uuid5(uuid.UUID(GUEST), "key-1"))
    assert answer.status_code == 202
    assert answer.json() == {
        "order_id": order_id,
        "status": "accepted",
        "status_url": f"/api/orders/{order_id}",
    }
    assert answer.headers["location"] == f"/api/orders/{order_id}"

    [(_, fields)] = await raw_entries(queue)
    assert set(fields) == {b"schema", b"order", b"traceparent"}
    assert fields[b"schema"] == b"1"
    message = OrderMessage.model_validate_json(fields[b"order"])
    assert (str(message.order_id), str(message.guest_id)) == (order_id, GUEST)
    assert message.fingerprint == OrderRequest.model_validate(sent).fingerprint()
    assert message.model_dump(mode="json", include=set(sent)) == sent
    assert list(json.loads(fields[b"order"])) == [
        "order_id",
        "guest_id",
        "fingerprint",
        "items",
        "customer",
        "expected_total_idr",
        "accepted_at",
    ]

    stored: Any = await queue.hgetall(f"pending:{GUEST}")
    pending = PendingOrder.model_validate_json(stored[order_id.encode()])
    assert pending.model_dump() == {
        "reason": None,
        "items": message.model_dump()["items"],
        "accepted_at": message.accepted_at,
    }
    assert await queue.ttl(f"pending:{GUEST}") == -1
    assert await record_of(queue, "key-1") == f"{message.fingerprint} queued"
    assert 3590 < await queue.ttl(f"idem:{GUEST}:key-1") <= 3600


async def test_the_audit_has_the_entry_of_an_order(
    client: httpx.AsyncClient, queue: Redis, tmp_path: Path
) -> None:
    answer = await place(client, "key-1")
    [(entry_id, fields)] = await raw_entries(queue)
    assert audited(tmp_path) == [
        {
            "order_id": answer.json()["order_id"],
            "entry_id": entry_id,
            "accepted_at": json.loads(fields[b"order"])["accepted_at"],
        }
    ]


async def test_no_202_leaves_before_its_audit_line(
    client: httpx.AsyncClient, queue: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    await asyncio.sleep(0.1)
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
    assert [line["order_id"] for line in audited(tmp_path)] == [first.json()["order_id"]] * 2
    assert audited(tmp_path)[1]["entry_id"] is None

    await place(client, "key-2")
    assert sum(metric_values("arloji.orders.accepted")) == accepted + 1


async def test_a_repetition_may_spell_the_same_order_differently(
    client: httpx.AsyncClient, queue: Redis
) -> None:
    lines = [{"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 2}]
    first = await client.post(
        "/api/orders", json={**order(), "items": lines}, headers=headers("key")
    )
    again = await client.post(
        "/api/orders",
        content=json.dumps({"expected_total_idr": None, **order(), "items": lines[::-1]}, indent=3),
        headers=headers("key") | {"Content-Type": "application/json"},
    )
    assert again.status_code == 202
    assert again.json() == first.json()
    assert len(await entries(queue)) == 1


async def test_another_body_under_a_used_key_is_refused(
    client: httpx.AsyncClient, queue: Redis
) -> None:
    await place(client, "key-1")
    reused = await place(client, "key-1", quantity=3)
    assert reused.status_code == 422
    assert reused.json()["type"] == "urn:arloji:problem:idempotency-key-reused"
    assert [entry["items"][0]["quantity"] for entry in await entries(queue)] == [2]


async def test_keys_belong_to_their_guest(client: httpx.AsyncClient, queue: Redis) -> None:
    mine = await place(client, "key-1")
    other = await client.post(
        "/api/orders", json=order(3), headers=headers("key-1", str(uuid.uuid4()))
    )
    assert other.status_code == 202
    assert other.json()["order_id"] != mine.json()["order_id"]
    assert len(await entries(queue)) == 2


async def test_a_repetition_after_the_record_expired_is_the_same_order_queued_again(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    async with publisher(queue_server.url, tmp_path, idempotency_seconds=1) as client:
        first = await place(client, "key-1")
        await eventually(lambda: record_of(queue, "key-1"), lambda record: not record)
        again = await place(client, "key-1")
    assert (again.status_code, again.json()) == (202, first.json())
    assert [entry["order_id"] for entry in await entries(queue)] == [first.json()["order_id"]] * 2


async def test_a_retry_after_a_death_between_record_and_entry_enqueues(
    client: httpx.AsyncClient, queue: Redis
) -> None:
    fingerprint = OrderRequest.model_validate(order()).fingerprint()
    await queue.set(f"idem:{GUEST}:key-1", fingerprint, ex=3600)
    assert (await place(client, "key-1")).status_code == 202
    assert len(await entries(queue)) == 1
    assert await record_of(queue, "key-1") == f"{fingerprint} queued"


async def test_fifty_at_once_are_one_order(
    client: httpx.AsyncClient, queue: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue = OrderPublisher._enqueue

    async def enqueue_slowly(*arguments: Any) -> Any:
        await asyncio.sleep(0.2)
        return await enqueue(*arguments)

    monkeypatch.setattr(OrderPublisher, "_enqueue", enqueue_slowly)
    answers = await asyncio.gather(*(place(client, "key-1") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["order_id"] for answer in answers}) == 1
    assert len(await entries(queue)) == 1


async def test_two_publishers_at_once_make_one_order_id(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    async with (
        publisher(queue_server.url, tmp_path) as one,
        publisher(queue_server.url, tmp_path) as other,
    ):
        answers = await asyncio.gather(
            *(place(client, "key-1") for client in (one, other) for _ in range(10))
        )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["order_id"] for answer in answers}) == 1
    assert len({entry["order_id"] for entry in await entries(queue)}) == 1


async def test_more_commands_at_once_than_connections_wait_for_one(
    queue_server: RedisServer, queue: Redis
) -> None:
    async with create_redis(queue_server.url, timeout_seconds=30, max_connections=2) as client:
        values: Any = await asyncio.gather(*(client.incr("counter") for _ in range(50)))
    assert sorted(values) == list(range(1, 51))


async def test_one_trace_leads_from_the_request_into_the_entry(
    client: httpx.AsyncClient, queue: Redis, spans: InMemorySpanExporter
) -> None:
    answer = await place(client, "key-1")
    [(entry_id, fields)] = await raw_entries(queue)
    by_kind: dict[SpanKind, list[ReadableSpan]] = {}
    for span in spans.get_finished_spans():
        if span.context is not None and span.context.trace_id == trace_of(answer):
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
        "arloji.order.id": answer.json()["order_id"],
    }
    assert dict(server.attributes or {})["arloji.order.id"] == answer.json()["order_id"]
    assert fields[b"traceparent"].decode().split("-")[1:3] == [
        format_trace_id(producer.context.trace_id),
        format_span_id(producer.context.span_id),
    ]
    assert [span.name for span in by_kind[SpanKind.CLIENT]] == ["SET", "XADD HSET SET"]
    assert [span.name for span in by_kind[SpanKind.INTERNAL]] == ["append audit line"]


def trace_of(answer: httpx.Response) -> int:
    return int(answer.headers["traceresponse"].split("-")[1], 16)


async def test_spans_and_logs_hold_nothing_personal(
    client: httpx.AsyncClient, spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        await place(client, "key-1")
        await place(client, "key-1", quantity=3)
    told = caplog.text + "".join(span.to_json() for span in spans.get_finished_spans())
    assert "send orders" in told
    for personal in ("Sari", "sari@", "Merdeka"):
        assert personal not in told


@pytest.mark.parametrize("field", ["name", "email", "address"])
@pytest.mark.parametrize(
    "text",
    [
        "💥\u202e\u0000",
        "' OR 1=1 --",
        "{{7*7}}${jndi:ldap://x}",
        "\r\nXADD orders * a b\r\n",
        "a" * 60_000,
        "\ud83d",
        "%s%n\\x00",
        "ﷺ" * 90,
    ],
    ids=range(8),
)
async def test_hostile_text_is_kept_as_it_is_or_refused(
    client: httpx.AsyncClient, queue: Redis, field: str, text: str
) -> None:
    customer = {**order()["customer"], field: text}
    answer = await client.post(
        "/api/orders",
        content=json.dumps({**order(), "customer": customer}),
        headers=headers("key") | {"Content-Type": "application/json"},
    )
    assert answer.status_code in {202, 422}
    if answer.status_code == 202:
        [entry] = await entries(queue)
        assert entry["customer"][field] == text.strip()
    else:
        assert [error["field"] for error in answer.json()["errors"]] == [f"customer.{field}"]
        assert await entries(queue) == []


async def test_another_method_is_405_and_another_path_404(client: httpx.AsyncClient) -> None:
    wrong = await client.put("/api/orders", json=order(), headers=headers("key"))
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert (await client.post("/api/order", json=order())).status_code == 404


async def test_a_chunked_body_over_the_limit_is_413_on_a_real_connection(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b" " * 1024

    app = create_app(Settings(queue_redis_url=queue_server.url, audit_directory=tmp_path))
    async with served(app) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.post(
            "/api/orders",
            content=chunks(),
            headers=headers("key") | {"Content-Type": "application/json"},
        )
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_description_tells_bodies_examples_and_every_refusal(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/api/orders"]["post"]
    assert set(operation["responses"]) == {"202", "400", "401", "413", "415", "422", "503", "504"}
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/OrderRequest"}
    named = set(json.dumps(document).split('"#/components/schemas/')[1:])
    assert {name.split('"')[0] for name in named} <= set(document["components"]["schemas"])
    example = document["components"]["schemas"]["OrderRequest"]["examples"][0]
    answer = await client.post("/api/orders", json=example, headers=headers("key"))
    assert answer.status_code == 202


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
        assert (await place(client, "key-1")).status_code == 202
        assert (await place(client, "key-1")).status_code == 202
        ready = await until_ready(client, lambda answer: answer["status"] == "ok")
    assert ready["checks"]["queue"]["detail"].startswith("durable")
