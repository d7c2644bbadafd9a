"""A guest's orders, from the queue and the database together; and the service as a whole: ids,
readiness, spans."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from redis.asyncio import Redis
from sqlalchemy import Engine, insert

from contracts.headers import GUEST
from contracts.orders import OrderReason
from contracts.queue import pending_key
from database.tables import order_items, orders
from local.free_port import free_port
from tests.reading import Start, on_any_database, statements_counted
from tests.servers import RedisServer
from tests.servers import running as running_server
from tests.waiting import eventually_async as eventually

NOW = datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC)

Fetch = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def guest() -> UUID:
    return uuid4()


@pytest.fixture
def fetch(api: httpx.AsyncClient, guest: UUID) -> Fetch:
    async def fetch(path: str) -> httpx.Response:
        return await api.get(path, headers={GUEST: str(guest)})

    return fetch


def store_order(
    engine: Engine, guest: UUID, *, accepted_at: datetime = NOW, reason: str | None = None
) -> str:
    order_id = str(uuid4())
    with engine.begin() as connection:
        connection.execute(
            insert(orders),
            {
                **{"order_id": order_id, "guest_id": str(guest), "fingerprint": "0" * 64},
                **{"status": "rejected" if reason else "confirmed", "reason": reason},
                **{"customer_name": "Sari", "customer_email": "sari@example.com"},
                **{"customer_address": "Jl. Merdeka 1", "total_idr": None if reason else 5_000},
                **{"accepted_at": accepted_at, "stored_at": accepted_at},
            },
        )
        connection.execute(
            insert(order_items),
            [
                {"order_id": order_id, "product_id": id, "quantity": n, "unit_price_idr": price}
                for id, n, price in ((7, 1, 2_000), (3, 2, 1_500))
            ],
        )
    return order_id


async def put_pending(
    queue: Redis,
    guest: UUID,
    *,
    accepted_at: datetime = NOW,
    reason: OrderReason | None = None,
    order_id: str | None = None,
) -> str:
    order_id = order_id or str(uuid4())
    items = [{"product_id": 3, "quantity": 2}]
    value = {"reason": reason, "items": items, "accepted_at": accepted_at.isoformat()}
    await queue.hset(pending_key(str(guest)), order_id, json.dumps(value))
    return order_id


@on_any_database
async def test_whatever_is_no_id_names_nothing(fetch: Fetch, engine: Engine, guest: UUID) -> None:
    for text in (
        *("0", "-1", "+1", "01", "1.0", "1e3", "abc", "%00", "1%00", "%20", "1%20", "null", "🙂"),
        *("9223372036854775807", "9223372036854775808", "9" * 30, "9" * 5000, "%D9%A1", "1%0A"),
        *("'%20OR%201=1", "..%2F..%2Fetc", "<script>", "999999"),
    ):
        answer = await fetch(f"/api/products/{text}")
        assert answer.status_code == 404, text
        assert answer.headers["content-type"] == "application/problem+json"
    order_id = store_order(engine, guest)
    assert (await fetch(f"/api/orders/{order_id.upper()}")).status_code == 200
    for text in (
        *(order_id.replace("-", ""), f"{{{order_id}}}", f"urn:uuid:{order_id}", f"{order_id}%20"),
        *(f"{order_id}%00", order_id[:-1], f"{order_id[:-1]}g", f"'{order_id}' OR 1", "%00", "🙂"),
    ):
        assert (await fetch(f"/api/orders/{text}")).status_code == 404, text


@on_any_database
@pytest.mark.parametrize(
    ("path", "kept"),
    [
        *((path, "no-cache") for path in ("/api/products", "/api/products/1", "/api/brands")),
        ("/api/products/0", "no-store"),
        ("/api/orders", "private, no-store"),
    ],
)
async def test_answers_say_how_long_they_may_be_kept_and_each_route_reads_only(
    api: httpx.AsyncClient, fetch: Fetch, path: str, kept: str
) -> None:
    answer = await fetch(path)
    assert answer.headers["cache-control"] == kept
    assert (await api.head(path)).status_code == answer.status_code
    assert (await api.post(path)).status_code == 405
    assert (await api.get("/openapi.json")).status_code == 404, "the gateway describes the API"


async def test_a_stored_order_is_shown_without_its_customer_and_wins_over_what_is_pending(
    fetch: Fetch, engine: Engine, queue: Redis, guest: UUID
) -> None:
    order_id = store_order(engine, guest)
    await put_pending(queue, guest, order_id=order_id, reason=OrderReason.HELD)
    answer = await fetch(f"/api/orders/{order_id}")
    assert answer.status_code == 200
    assert answer.json() == {
        "order_id": order_id,
        "status": "confirmed",
        "reason": None,
        "items": [
            {"product_id": 3, "quantity": 2, "unit_price_idr": 1_500},
            {"product_id": 7, "quantity": 1, "unit_price_idr": 2_000},
        ],
        "total_idr": 5_000,
        "created_at": "2026-11-24T08:00:00.123456Z",
    }
    assert (await fetch("/api/orders")).json() == {"items": [answer.json()]}


async def test_a_rejected_order_has_a_reason_and_no_price(
    fetch: Fetch, engine: Engine, guest: UUID
) -> None:
    order = (await fetch(f"/api/orders/{store_order(engine, guest, reason='dropped')}")).json()
    assert (order["status"], order["reason"], order["total_idr"]) == ("rejected", "dropped", None)
    assert {line["unit_price_idr"] for line in order["items"]} == {None}


@on_any_database
@pytest.mark.parametrize("reason", [None, OrderReason.HELD])
async def test_an_accepted_order_is_shown_from_the_queue(
    fetch: Fetch, queue: Redis, guest: UUID, reason: OrderReason | None
) -> None:
    order_id = await put_pending(queue, guest, reason=reason)
    assert (await fetch(f"/api/orders/{order_id}")).json() == {
        **{"order_id": order_id, "status": "accepted", "reason": reason, "total_idr": None},
        "items": [{"product_id": 3, "quantity": 2, "unit_price_idr": None}],
        "created_at": "2026-11-24T08:00:00.123456Z",
    }


async def test_the_list_has_each_order_once_newest_first_from_both_places(
    fetch: Fetch, engine: Engine, queue: Redis, guest: UUID
) -> None:
    """One that is whole tells of no older orders."""
    times = [NOW + timedelta(milliseconds=number) for number in range(100)]
    ids = [
        store_order(engine, guest, accepted_at=moment)
        if number % 2
        else await put_pending(queue, guest, accepted_at=moment)
        for number, moment in enumerate(times)
    ]
    whole = await fetch("/api/orders")
    assert [order["order_id"] for order in whole.json()["items"]] == ids[::-1]
    assert "older-orders" not in whole.headers


@pytest.mark.parametrize("waiting", [False, True])
async def test_the_list_is_bounded_says_so_and_costs_two_statements(
    fetch: Fetch, engine: Engine, queue: Redis, guest: UUID, waiting: bool
) -> None:
    times = [NOW + timedelta(seconds=number) for number in range(101)]
    ids = [store_order(engine, guest, accepted_at=moment) for moment in times]
    if waiting:
        # The row of the second is among those that are too old to be listed.
        ids.append(await put_pending(queue, guest, accepted_at=NOW + timedelta(days=1)))
        await put_pending(queue, guest, accepted_at=NOW, order_id=ids[0])
    with statements_counted("FROM order") as asked:
        cut = await fetch("/api/orders")
    assert [order["order_id"] for order in cut.json()["items"]] == ids[:-101:-1]
    assert cut.headers["older-orders"] == "true"
    assert len(asked) == 2


async def test_guests_see_their_own_orders_only(
    api: httpx.AsyncClient, engine: Engine, queue: Redis, guest: UUID
) -> None:
    stored, waiting = store_order(engine, guest), await put_pending(queue, guest)
    for headers in ({GUEST: str(uuid4())}, {}, {GUEST: ""}, {GUEST: "x"}, {GUEST: "*"}):
        for order_id in (stored, waiting):
            answer = await api.get(f"/api/orders/{order_id}", headers=headers)
            assert answer.status_code == 404
        assert (await api.get("/api/orders", headers=headers)).json() == {"items": []}


@on_any_database
async def test_an_unreadable_pending_order_is_not_called_missing(
    fetch: Fetch, engine: Engine, queue: Redis, guest: UUID
) -> None:
    broken = str(uuid4())
    await queue.hset(pending_key(str(guest)), broken, b"\xff{")
    assert (await fetch(f"/api/orders/{broken}")).status_code == 503
    assert (await fetch("/api/orders")).status_code == 503
    stored = store_order(engine, guest)
    assert (await fetch(f"/api/orders/{stored}")).status_code == 200


@on_any_database
async def test_without_the_queue_only_a_row_is_an_answer(
    start: Start, engine: Engine, guest: UUID, tmp_path: Path
) -> None:
    own = RedisServer(tmp_path, durable=True)
    stored, headers = store_order(engine, guest), {GUEST: str(guest)}
    with running_server(own):
        async with start(queue_url=own.url) as api:
            path = f"/api/orders/{uuid4()}"
            assert (await api.get(path, headers=headers)).status_code == 404
            own.stop()
            for _ in range(5):
                answer = await api.get(path, headers=headers)
                assert answer.status_code == 503
                assert "retry-after" in answer.headers
                answer = await api.get(f"/api/orders/{stored}", headers=headers)
                assert answer.status_code == 200
                assert (await api.get("/api/orders", headers=headers)).status_code == 503
            assert (await api.get("/api/orders")).json() == {"items": []}
            assert (await api.get("/api/products/1")).status_code == 200


@on_any_database
async def test_without_the_database_a_pending_order_is_an_answer(
    start: Start, queue: Redis, guest: UUID
) -> None:
    url = f"mysql+pymysql://root@127.0.0.1:{free_port()}/shop"
    waiting, headers = await put_pending(queue, guest), {GUEST: str(guest)}
    async with start(database_url=url) as api:
        for _ in range(5):
            answer = await api.get(f"/api/orders/{waiting}", headers=headers)
            assert answer.json()["status"] == "accepted"
            answer = await api.get(f"/api/orders/{uuid4()}", headers=headers)
            assert answer.status_code == 503
            # It could lack stored orders.
            assert (await api.get("/api/orders", headers=headers)).status_code == 503


@on_any_database
async def test_it_is_ready_once_database_and_queue_were_reached(
    start: Start, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    ready = await eventually(lambda: api.get("/readyz"), lambda answer: answer.status_code == 200)
    assert ready.json()["status"] == "ok"
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    async with start(cache_url=nowhere) as uncached:
        ready = await eventually(
            lambda: uncached.get("/readyz"), lambda answer: answer.status_code == 200
        )
        assert ready.json()["status"] == "degraded"
    empty = f"sqlite:///{tmp_path}/empty.db"
    async with start(database_url=empty) as unmigrated:
        answer = await eventually(
            lambda: unmigrated.get("/readyz"),
            lambda answer: "upgrade" in answer.json()["checks"]["database"]["detail"],
        )
        assert answer.status_code == 503


@pytest.mark.parametrize(
    ("path", "route", "commands"),
    [
        ("/api/products/1", "/api/products/{product_id}", {"GET", "SET", "SELECT"}),
        ("/api/orders", "/api/orders", {"HGETALL", "SELECT"}),
    ],
)
async def test_sql_and_cache_spans_are_inside_the_server_span(
    fetch: Fetch, spans: InMemorySpanExporter, path: str, route: str, commands: set[str]
) -> None:
    await fetch(path)
    finished = spans.get_finished_spans()
    server = next(s for s in finished if (s.attributes or {}).get("http.route") == route)
    inside = [s for s in finished if s.parent and s.parent.span_id == server.context.span_id]
    assert commands <= {span.name.split(" ")[0] for span in inside}, inside
    systems = {(span.attributes or {}).get("db.system.name") for span in inside}
    assert "redis" in systems
    assert systems & {"sqlite", "mysql"}
