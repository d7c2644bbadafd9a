"""The stores around the consumer, what a test puts into them and reads from them."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from sqlalchemy import Engine, Table, func, insert, select, update

from contracts.orders import OrderMessage, PendingOrder
from contracts.queue import pending_key
from database.tables import order_items, orders, products, stock_ledger
from servicekit.database.engine import transaction
from servicekit.redis import create_redis
from servicekit.stream.consumer_group import ConsumerGroup, Entry
from services.consumer.app import create_app
from services.consumer.handlers import OrderHandler
from services.consumer.messages import STREAM
from services.consumer.repository import OrderRepository, open_repository
from services.consumer.settings import Settings
from tests.asgi import running
from tests.order_messages import GUEST, make_order
from tests.waiting import eventually_async as eventually

Ends = dict[str, tuple[str, str | None]]
CONFIRMED = ("confirmed", None)


@dataclass
class Consumer:
    """The consumer without its loop: a test decides what is read, and when it dies."""

    group: ConsumerGroup
    handler: OrderHandler
    repository: OrderRepository

    async def handle(self, count: int = 100) -> None:
        """One turn for new entries."""
        for entry in await self.handler.handle_together(await self.group.read(count)):
            await self.handler.handle_alone(entry)

    async def claim(self) -> list[Entry]:
        return [entry async for entry in self.group.claimed()]

    async def handle_claimed(self) -> int:
        claimed = await self.claim()
        for entry in claimed:
            await self.handler.handle_alone(entry)
        return len(claimed)


@dataclass
class Shop:
    """Queue, cache and database: where they are, and clients that look into them. The fixture
    `shop` has a consumer too; `stores` has none."""

    queue_url: str
    cache_url: str
    database_url: str
    queue: Redis
    cache: Redis
    engine: Engine
    patch: pytest.MonkeyPatch
    first: Consumer = field(init=False, repr=False)

    @asynccontextmanager
    async def consumer(
        self, name: str = "first", *, claim_idle_seconds: float = 0, max_deliveries: int = 5
    ) -> AsyncIterator[Consumer]:
        async with AsyncExitStack() as stack:
            queue = create_redis(self.queue_url, timeout_seconds=5)
            stack.push_async_callback(queue.aclose)
            cache = create_redis(self.cache_url, timeout_seconds=1)
            stack.push_async_callback(cache.aclose)
            repository = await stack.enter_async_context(open_repository(self.database_url))
            group = ConsumerGroup(
                queue, STREAM, consumer=name, claim_idle_seconds=claim_idle_seconds
            )
            await group.create()
            handler = OrderHandler(group, cache, repository, max_deliveries=max_deliveries)
            yield Consumer(group, handler, repository)

    @asynccontextmanager
    async def service(self, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        """The whole service; the client asks its probes."""
        urls = {
            "queue_redis_url": self.queue_url,
            "cache_redis_url": self.cache_url,
            "database_url": self.database_url,
        }
        async with running(create_app(Settings(**urls | settings))) as client:
            yield client

    async def publish(self, order: OrderMessage | str, *, traceparent: str = "") -> str:
        """Into the stream and, if it is an order, into the guest's hash; the entry's id."""
        text = order if isinstance(order, str) else order.model_dump_json()
        if isinstance(order, OrderMessage):
            pending = PendingOrder(items=order.items, accepted_at=order.accepted_at)
            key: Any = pending_key(str(order.guest_id))
            await self.queue.hset(key, str(order.order_id), pending.model_dump_json())
        fields: Any = {"schema": "1", "order": text, "traceparent": traceparent}
        entry_id: Any = await self.queue.xadd("orders", fields)
        return str(entry_id.decode())

    async def publish_new(self, number: int) -> set[str]:
        """So many orders, each for one piece of product 1; their ids."""
        made = [make_order({1: 1}) for _ in range(number)]
        for order in made:
            await self.publish(order)
        return {str(order.order_id) for order in made}

    async def pending(self) -> dict[str, str | None]:
        """The orders that the guest sees without a row, and why they wait."""
        found: Any = await self.queue.hgetall(pending_key(str(GUEST)))
        return {name.decode(): json.loads(value)["reason"] for name, value in found.items()}

    async def dead_letters(self) -> dict[str, dict[str, str]]:
        found: Any = await self.queue.xrange("orders:dead")
        return {
            entry_id.decode(): {name.decode(): value.decode() for name, value in fields.items()}
            for entry_id, fields in found
        }

    async def deliveries(self) -> dict[str, int]:
        """How often each entry that is not settled was delivered."""
        try:
            found: Any = await self.queue.xpending_range("orders", "consumers", "-", "+", 1000)
        except ResponseError:  # no consumer came yet
            return {}
        return {one["message_id"].decode(): one["times_delivered"] for one in found}

    async def until_settled(self) -> None:
        """Nothing waits in the stream: then nothing is pending, no guest waits, none is dead."""
        await eventually(lambda: self.queue.xlen("orders"), lambda backlog: backlog == 0)
        assert await self.deliveries() == {}
        assert await self.pending() == {}
        assert await self.dead_letters() == {}

    def rows(self, table: Table) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def ends(self, order_ids: set[str] | None = None) -> Ends:
        """Status and reason of every stored order, or of those."""
        found = {row["order_id"]: (row["status"], row["reason"]) for row in self.rows(orders)}
        return {key: end for key, end in found.items() if order_ids is None or key in order_ids}

    async def until_confirmed(self, order_ids: set[str], seconds: float = 30) -> None:
        await eventually(
            lambda: asyncio.to_thread(self.ends, order_ids),
            lambda found: found == dict.fromkeys(order_ids, CONFIRMED),
            seconds,
        )

    def product(self, product_id: int) -> dict[str, Any]:
        return next(row for row in self.rows(products) if row["product_id"] == product_id)

    def stocks(self, *product_ids: int) -> Sequence[int]:
        return [self.product(product_id)["stock"] for product_id in product_ids]

    def set_stock(self, product_id: int, stock: int) -> None:
        """Behind the consumer's back, with its ledger, so that the books balance."""
        change = stock - self.product(product_id)["stock"]
        row = {"product_id": product_id, "change": change, "reason": "correction"}
        now = make_order({1: 1}).accepted_at
        of_product = update(products).where(products.c.product_id == product_id)
        with transaction(self.engine) as connection:
            connection.execute(insert(stock_ledger).values(row | {"created_at": now}))
            connection.execute(of_product.values(stock=stock))

    def assert_books_balance(self) -> None:
        """Every stock is the sum of its ledger, none is negative, and each line of a confirmed
        order took its stock once."""
        of_order = (order_items.c.order_id, order_items.c.product_id, order_items.c.quantity)
        of_ledger = (stock_ledger.c.order_id, stock_ledger.c.product_id, -stock_ledger.c.change)
        in_ledger = (stock_ledger.c.product_id, func.sum(stock_ledger.c.change))
        with self.engine.connect() as connection:
            ask = connection.execute
            stocks = dict(ask(select(products.c.product_id, products.c.stock)).tuples().all())
            changes = ask(select(*in_ledger).group_by(stock_ledger.c.product_id)).tuples()
            ledger = {product_id: int(change) for product_id, change in changes}
            confirmed = select(*of_order).join(orders).where(orders.c.status == "confirmed")
            sold = set(ask(confirmed).tuples())
            taken = ask(select(*of_ledger).where(stock_ledger.c.order_id.is_not(None))).tuples()
            assert sorted(sold) == sorted(taken)
        assert stocks == ledger
        assert min(stocks.values()) >= 0
