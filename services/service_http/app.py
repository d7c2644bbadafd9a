"""The app: what it opens, and what it needs to be ready."""

from contextlib import AsyncExitStack
from functools import partial

from redis.asyncio import Redis

from contracts.telemetry import CACHE_REQUESTS
from database.schema import current_revision
from servicekit.cache.cache import Cache
from servicekit.cache.store import CacheStore
from servicekit.database.engine import DatabaseThreads, create_database_engine
from servicekit.http_server.app import ServiceApp, create_service_app
from servicekit.http_server.openapi import describe_schemas
from servicekit.redis import create_redis
from servicekit.telemetry.metrics import create_counter
from services.service_http.catalogue import POLICY, PREFIX, SHAPE, Catalogue
from services.service_http.database import Database
from services.service_http.order_status import OrderBook
from services.service_http.pending import PendingOrders
from services.service_http.routes import router
from services.service_http.settings import Settings
from services.service_http.snapshot import Snapshot

_STATEMENT_SECONDS = 2.0
_QUEUE_SECONDS = 1.0
_CACHE_CONNECTIONS = 256


class NotMigrated(Exception):
    """The database has no schema yet."""


def create_app(settings: Settings) -> ServiceApp:
    app = create_service_app(
        settings,
        title="Arloji service-http",
        description="Reads products and orders. Only api-gw may reach it.",
        open_resources=partial(_open_resources, settings),
        inner=True,
    )
    app.include_router(router)
    describe_schemas(app)
    return app


async def _open_resources(settings: Settings, app: ServiceApp, stack: AsyncExitStack) -> None:
    database = _open_database(settings, stack)
    queue = create_redis(settings.queue_redis_url, timeout_seconds=_QUEUE_SECONDS)
    stack.push_async_callback(queue.aclose)
    client = create_redis(
        settings.cache_redis_url,
        timeout_seconds=settings.cache_timeout_seconds,
        max_connections=_CACHE_CONNECTIONS,
    )
    stack.push_async_callback(client.aclose)
    cache = _create_cache(client)
    stack.push_async_callback(cache.close)

    async def ask_database() -> None:
        if await database.ask(current_revision) is None:
            raise NotMigrated("run `python -m database upgrade`")

    app.health.add("database", ask_database)
    app.health.add("queue", partial(_ping, queue))
    app.health.add("cache", partial(_ping, client), required=False)
    snapshot = Snapshot(database)
    await stack.enter_async_context(snapshot.kept_fresh())
    app.state.catalogue = Catalogue(cache, database, snapshot)
    app.state.order_book = OrderBook(PendingOrders(queue), database)


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


def _create_cache(client: Redis) -> Cache:
    counter = create_counter(CACHE_REQUESTS)
    return Cache(
        CacheStore(client, shape=SHAPE, prefix=PREFIX),
        POLICY,
        count=lambda result: counter.add(1, {"result": result}),
    )


async def _ping(client: Redis) -> None:
    await client.ping()
