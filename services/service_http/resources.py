"""What service-http opens, and what it needs to be ready."""

from contextlib import AsyncExitStack
from functools import lru_cache, partial

from redis.asyncio import Redis

from contracts.cache_keys import PREFIX
from contracts.telemetry import CACHE_REQUESTS
from database.revision import current_revision
from servicekit.cache.cache import Cache
from servicekit.cache.client import CacheClient
from servicekit.cache.store import CacheStore
from servicekit.database.engine import DatabaseThreads, create_database_engine
from servicekit.http_server.service import ServiceApp
from servicekit.redis import create_redis
from servicekit.telemetry.known_attributes import KnownAttributes
from servicekit.telemetry.metrics import create_counter
from services.service_http.database import Database
from services.service_http.orders import GuestOrders
from services.service_http.pending_orders import PendingOrders
from services.service_http.product_rows import find_product, list_products
from services.service_http.product_snapshot import ProductSnapshot
from services.service_http.products import CACHE_POLICY, SHAPE, Catalogue
from services.service_http.search import ProductQuery
from services.service_http.settings import Settings

_STATEMENT_SECONDS = 2.0
_QUEUE_TIMEOUT_SECONDS = 1.0


class NotMigrated(Exception):
    """The database has no schema yet."""


async def open_resources(settings: Settings, app: ServiceApp, stack: AsyncExitStack) -> None:
    database = _open_database(settings, stack)
    queue = create_redis(settings.queue_redis_url, timeout_seconds=_QUEUE_TIMEOUT_SECONDS)
    stack.push_async_callback(queue.aclose)
    cache_client = CacheClient(
        create_redis(
            settings.cache_redis_url,
            timeout_seconds=settings.cache_timeout_seconds,
            max_connections=1,
        ),
        timeout_seconds=settings.cache_timeout_seconds,
    )
    stack.push_async_callback(cache_client.aclose)
    cache = _create_cache(cache_client, settings.cache_memory_bytes)
    stack.push_async_callback(cache.close)
    snapshot = ProductSnapshot(database)
    await stack.enter_async_context(snapshot.kept_fresh())

    app.health.add("database", FirstQuestions(database).check)
    app.health.add("queue", partial(_ping, queue))
    app.health.add("cache", cache_client.ping, required=False)
    app.state.catalogue = Catalogue(cache, database, snapshot)
    app.state.guest_orders = GuestOrders(PendingOrders(queue), database)


def _open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    engine = create_database_engine(
        settings.database_url,
        read_only=True,
        connections=settings.database_connections,
        statement_seconds=_STATEMENT_SECONDS,
    )
    stack.callback(engine.dispose)
    threads = DatabaseThreads(settings.database_connections)
    stack.push_async_callback(threads.close)
    return Database(engine, threads)


def _create_cache(client: CacheClient, memory_bytes: int) -> Cache:
    counter = create_counter(CACHE_REQUESTS)
    return Cache(
        CacheStore(client, shape=SHAPE, prefix=PREFIX),
        CACHE_POLICY,
        count=lambda result: counter.add(1, _counted(result)),
        memory_bytes=memory_bytes,
    )


class FirstQuestions:
    """The check of the database; until it has succeeded once it also asks what guests ask, so that
    the service is ready with a connection open and its statements compiled."""

    def __init__(self, database: Database) -> None:
        self._database, self._asked = database, False

    async def check(self) -> None:
        if await self._database.ask(current_revision) is None:
            raise NotMigrated("run `python -m database upgrade`")
        if not self._asked:
            await self._database.ask(lambda connection: list_products(connection, ProductQuery()))
            await self._database.ask(lambda connection: find_product(connection, 1))
            self._asked = True


@lru_cache
def _counted(result: str) -> KnownAttributes:
    return KnownAttributes({"result": result})


async def _ping(client: Redis) -> None:
    await client.ping()
