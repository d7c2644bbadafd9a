"""What the tests of the consumer share: accepted orders, a handler without its loop, the books."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from sqlalchemy import Engine, Table, func, select

from contracts.orders import Customer, OrderMessage, OrderRequest, PendingOrder, order_id_for
from contracts.queue import pending_key
from database.tables import order_items, orders, products, stock_ledger
from servicekit.redis import create_redis
from servicekit.stream.consumer_group import ConsumerGroup, Entry
from services.consumer.app import create_app
from services.consumer.handlers import OrderHandler
from services.consumer.messages import STREAM
from services.consumer.repository import OrderRepository, open_repository
from services.consumer.settings import Settings
from tests.asgi import running

CUSTOMER = {"name": "Sari Wulandari", "email": "sari@example.com", "address": "Jl. Merdeka 1"}
GUEST = uuid.UUID(int=7)


def make_order(lines: dict[int, int], key: str | None = None, **changes: Any) -> OrderMessage:
    """As the publisher makes it; `changes` go over what it holds."""
    request = OrderRequest.model_validate(
        {
            "items": [{"product_id": p, "quantity": n} for p, n in lines.items()],
            "customer": CUSTOMER,
            "expected_total_idr": changes.pop("expected_total_idr", None),
        }
    )
    message = OrderMessage(
        order_id=order_id_for(GUEST, key or str(uuid.uuid4())),
        guest_id=GUEST,
        fingerprint=request.fingerprint(),
        items=request.items,
        customer=Customer.model_validate(CUSTOMER),
        expected_total_idr=request.expected_total_idr,
        accepted_at=datetime.now(UTC),
    )
    return message.model_copy(update=changes)


async def publish(
    queue: Redis, order: OrderMessage | str, *, traceparent: str = "", schema: str = "1"
) -> str:
    """Put an order into the stream and, if it is one, into the guest's hash; the entry's id."""
    text = order if isinstance(order, str) else order.model_dump_json()
    if isinstance(order, OrderMessage):
        pending = PendingOrder(items=order.items, accepted_at=order.accepted_at)
        key: Any = pending_key(str(order.guest_id))
        await queue.hset(key, str(order.order_id), pending.model_dump_json())
    fields: Any = {"schema": schema, "order": text, "traceparent": traceparent}
    entry_id = await queue.xadd("orders", fields)
    assert isinstance(entry_id, bytes)
    return entry_id.decode()


async def pending_orders(queue: Redis) -> dict[str, dict[str, Any]]:
    """What the guest sees of orders without a row."""
    found: Any = await queue.hgetall(pending_key(str(GUEST)))
    return {order_id.decode(): json.loads(value) for order_id, value in found.items()}


async def dead_letters(queue: Redis) -> list[tuple[str, dict[str, str]]]:
    found: Any = await queue.xrange("orders:dead")
    return [
        (letter_id.decode(), {name.decode(): value.decode() for name, value in fields.items()})
        for letter_id, fields in found
    ]


async def deliveries(queue: Redis) -> dict[str, int]:
    """How often each pending entry was delivered."""
    try:
        found: Any = await queue.xpending_range("orders", "consumers", "-", "+", 1000)
    except ResponseError:  # no consumer came yet
        return {}
    return {one["message_id"].decode(): one["times_delivered"] for one in found}


@dataclass
class Consumer:
    """The consumer without its loop: a test decides what is read, and when it dies."""

    group: ConsumerGroup
    handler: OrderHandler
    repository: OrderRepository

    async def read(self, count: int = 100) -> list[Entry]:
        return await self.group.read(count)

    async def handle(self, count: int = 100) -> None:
        """One turn for new entries."""
        for entry in await self.handler.handle_together(await self.read(count)):
            await self.handler.handle_alone(entry)

    async def claim(self) -> list[Entry]:
        return [entry async for entry in self.group.claimed()]

    async def handle_claimed(self) -> int:
        claimed = await self.claim()
        for entry in claimed:
            await self.handler.handle_alone(entry)
        return len(claimed)


@asynccontextmanager
async def consumer(
    queue_url: str,
    cache_url: str,
    database_url: str,
    *,
    name: str = "first",
    claim_idle_seconds: float = 0,
    max_deliveries: int = 5,
) -> AsyncIterator[Consumer]:
    async with AsyncExitStack() as stack:
        queue = create_redis(queue_url, timeout_seconds=5)
        stack.push_async_callback(queue.aclose)
        cache = create_redis(cache_url, timeout_seconds=1)
        stack.push_async_callback(cache.aclose)
        repository = await stack.enter_async_context(open_repository(database_url))
        group = ConsumerGroup(queue, STREAM, consumer=name, claim_idle_seconds=claim_idle_seconds)
        await group.create()
        handler = OrderHandler(group, cache, repository, max_deliveries=max_deliveries)
        yield Consumer(group, handler, repository)


@asynccontextmanager
async def running_consumer(
    queue_url: str, cache_url: str, database_url: str, **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """The whole service; the client asks its probes."""
    app = create_app(
        Settings(
            queue_redis_url=queue_url,
            cache_redis_url=cache_url,
            database_url=database_url,
            **settings,
        )
    )
    async with running(app) as client:
        yield client


def rows_of(engine: Engine, table: Table) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def ends(engine: Engine) -> dict[str, tuple[str, str | None]]:
    """Status and reason of every stored order."""
    return {row["order_id"]: (row["status"], row["reason"]) for row in rows_of(engine, orders)}


def stock_of(engine: Engine, product_id: int) -> int:
    with engine.connect() as connection:
        stock: int | None = connection.scalar(
            select(products.c.stock).where(products.c.product_id == product_id)
        )
    assert stock is not None
    return stock


def assert_books_balance(engine: Engine) -> None:
    """Every stock is the sum of its ledger, none is negative, and each line of a confirmed
    order took its stock once."""
    with engine.connect() as connection:
        stocks = dict(
            connection.execute(select(products.c.product_id, products.c.stock)).tuples().all()
        )
        ledger = {
            product_id: int(change)
            for product_id, change in connection.execute(
                select(stock_ledger.c.product_id, func.sum(stock_ledger.c.change)).group_by(
                    stock_ledger.c.product_id
                )
            )
        }
        sold = set(
            connection.execute(
                select(order_items.c.order_id, order_items.c.product_id, order_items.c.quantity)
                .join(orders, orders.c.order_id == order_items.c.order_id)
                .where(orders.c.status == "confirmed")
            ).tuples()
        )
        taken = {
            (order_id, product_id, -change)
            for order_id, product_id, change in connection.execute(
                select(
                    stock_ledger.c.order_id, stock_ledger.c.product_id, stock_ledger.c.change
                ).where(stock_ledger.c.order_id.is_not(None))
            )
        }
    assert stocks == ledger
    assert min(stocks.values()) >= 0
    assert sold == taken
