"""The order path in pairs: what it costs that an accepted order is on disk, and what it saves
that a consumer commits many orders at once."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import redis
from sqlalchemy import update

from benchmarks.closed_loop import LoadFailed, Target
from benchmarks.cores import cpu_seconds, pin, two_cores
from benchmarks.processes import module
from benchmarks.ratios import Answers, Load, Pair, Rates
from benchmarks.stores import publisher, redis_server, url_of
from contracts.headers import GUEST, IDEMPOTENCY_KEY
from contracts.orders import OrderMessage, OrderRequest
from contracts.queue import FIELD_ORDER, FIELD_SCHEMA, ORDERS, SCHEMA_VERSION
from database.schema import upgrade
from database.seed import seed
from database.tables import products
from local.free_port import free_port
from servicekit.database.engine import create_database_engine, transaction

_CUSTOMER = {"name": "Sari", "email": "sari@example.com", "address": "Jl. Merdeka 12, Jakarta"}
# No measurement may end because everything was sold.
_STOCK = 1_000_000_000
_DRAIN_SECONDS = 120
_AT_ONCE = 500


def order_pairs(stack: ExitStack, folder: Path) -> Iterator[Pair]:
    """Everything started, until the stack is closed."""
    always, everysec = (
        _published(stack, folder / policy, policy) for policy in ("always", "everysec")
    )
    yield Pair("durable", "publish, each order fsynced / fsynced once a second", always, everysec)
    together, alone = (_drained(stack, folder / f"batch-{size}", size) for size in (100, 1))
    yield Pair("batch", "consume, 100 orders per commit / one per commit", together, alone)


def _published(stack: ExitStack, folder: Path, policy: str) -> Answers:
    server, redis_pid = stack.enter_context(redis_server(folder, options=("--appendfsync", policy)))
    # However many are measured, none is refused for those before it.
    bounds = {"MAX_BACKLOG_ORDERS": str(10**9), "MAX_OLDEST_AGE_SECONDS": str(10**9)}
    url, pid = stack.enter_context(publisher(server, folder, bounds))
    if cores := two_cores():
        pin(pid, cores[0])
        pin(redis_pid, cores[1])
    return Answers(orders_at(url, pid))


def orders_at(url: str, *pids: int) -> Target:
    """New orders, each of a guest of its own."""
    return Target(f"{url}/api/orders", pids=pids, next_body=new_order, status=202)


def new_order() -> tuple[dict[str, str], bytes]:
    """Of a new guest, under a new key."""
    body = {"items": [{"product_id": 1, "quantity": 1}], "customer": _CUSTOMER}
    headers = {
        "Content-Type": "application/json",
        GUEST: str(uuid4()),
        IDEMPOTENCY_KEY: str(uuid4()),
    }
    return headers, json.dumps(body).encode()


@dataclass
class Drain:
    """How fast a consumer works a backlog off. It is halted while the backlog is written."""

    queue: redis.Redis
    pid: int
    products: int
    _per_second: float = field(default=100.0)

    def rates(self, load: Load) -> Rates:
        number = max(10, int(self._per_second * load.seconds))
        before = cpu_seconds([self.pid])
        self._per_second = number / self.work_off(number)
        after = cpu_seconds([self.pid])
        if before is None or after is None or before == after:
            return Rates(self._per_second, None)
        return Rates(self._per_second, number / (after - before))

    def work_off(self, number: int) -> float:
        """How many seconds so many orders take; none of them is adding them."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            add_orders(self.queue, number, self.products)
        finally:
            os.kill(self.pid, signal.SIGCONT)
        began = time.perf_counter()
        until_empty(self.queue)
        return time.perf_counter() - began


def _drained(stack: ExitStack, folder: Path, batch_size: int) -> Drain:
    server, redis_pid = stack.enter_context(redis_server(folder))
    database_url = f"sqlite:///{folder / 'shop.db'}"
    number = prepare_database(database_url)
    pid = stack.enter_context(consumer(folder, server, database_url, BATCH_SIZE=str(batch_size)))
    if cores := two_cores():
        pin(pid, cores[0])
        pin(redis_pid, cores[1])
    return Drain(server, pid, number)


def consumer(
    folder: Path, queue: redis.Redis, database_url: str, **environment: str
) -> AbstractContextManager[int]:
    """One that is ready, until the end of the block; its process id."""
    environment |= {
        "PORT": str(port := free_port()),
        "QUEUE_REDIS_URL": url_of(queue),
        "CACHE_REDIS_URL": url_of(queue),
        "DATABASE_URL": database_url,
    }
    ready_url = f"http://127.0.0.1:{port}/readyz"
    return module("services.consumer", folder, environment=environment, ready_url=ready_url)


def prepare_database(url: str) -> int:
    """The catalogue in a new database, never sold out; returns how many products it has."""
    engine = create_database_engine(url, read_only=False, connections=1, statement_seconds=60)
    try:
        upgrade(engine)
        number = seed(engine)
        with transaction(engine) as connection:
            connection.execute(update(products).values(stock=_STOCK))
    finally:
        engine.dispose()
    return number


def add_orders(queue: redis.Redis, number: int, last_product: int) -> None:
    """As the publisher writes them, one after the other, but without the keys beside them."""
    for first in range(0, number, _AT_ONCE):
        pipeline = queue.pipeline(transaction=False)
        for _ in range(first, min(first + _AT_ONCE, number)):
            order = order_message(random.randint(1, last_product)).model_dump_json()
            pipeline.xadd(ORDERS, {FIELD_SCHEMA: str(SCHEMA_VERSION), FIELD_ORDER: order})
        pipeline.execute()


def order_message(product_id: int) -> OrderMessage:
    request = OrderRequest.model_validate(
        {"items": [{"product_id": product_id, "quantity": 1}], "customer": _CUSTOMER}
    )
    return OrderMessage.model_validate(
        {
            "order_id": uuid4(),
            "guest_id": uuid4(),
            "fingerprint": request.fingerprint(),
            "items": request.items,
            "customer": _CUSTOMER,
            "accepted_at": datetime.now(UTC),
        }
    )


def until_empty(
    queue: redis.Redis, seconds: float = _DRAIN_SECONDS, look: Callable[[], None] = lambda: None
) -> None:
    """Raises `LoadFailed` if that takes longer, or if an order ended as a dead letter."""
    deadline = time.monotonic() + seconds
    while queue.xlen(ORDERS):
        if time.monotonic() > deadline:
            raise LoadFailed(f"{queue.xlen(ORDERS)} orders are still waiting")
        look()
        time.sleep(0.01)
    if dead := queue.xlen(f"{ORDERS}:dead"):
        raise LoadFailed(f"{dead} orders became dead letters")
