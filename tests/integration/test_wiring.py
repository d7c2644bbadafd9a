"""What only a whole service has: each setting reaches what it sets, and each dependency the
probes. Nothing is behind these services."""

import asyncio
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from redis.asyncio import Redis

from local.free_port import free_port
from servicekit.http_server.serve import _create_server
from servicekit.settings import ServiceSettings
from servicekit.stream import consumer_group as stream
from servicekit.telemetry.setup import Telemetry
from services.consumer import resources as consumer_resources
from services.publisher.queue_monitor import QueueBounds
from services.service_http import resources as service_http_resources

# What it waits for before it is ready, and what it can do without.
NEEDS = {
    "frontend": ({"api-gw"}, set()),
    "api_gw": ({"service-http", "publisher"}, set()),
    "service_http": ({"database", "queue"}, {"cache"}),
    "publisher": ({"queue"}, {"audit"}),
    "consumer": ({"database", "queue"}, {"cache"}),
}
# Before there is an app (tests/unit/servicekit/test_settings.py), or for the pages that show them.
READ_ELSEWHERE = {"log_level", "trace_url_template", "order_trace_url_template"}


def settings_of(name: str, folder: Path, **others: Any) -> tuple[ServiceSettings, set[str]]:
    """Settings of a service with nothing behind it, and the names that were read so far."""
    read: set[str] = set()
    known: type[ServiceSettings] = import_module(f"services.{name}.settings").Settings

    class Noting(known):  # type: ignore[valid-type, misc]
        def __getattribute__(self, attribute: str) -> Any:
            read.add(attribute)
            return super().__getattribute__(attribute)

    redis = {
        f"{which}_redis_url": f"redis://127.0.0.1:{free_port()}/0" for which in ("queue", "cache")
    }
    nowhere = {
        **redis,
        "database_url": f"sqlite:///{folder}/none.db",
        "audit_directory": folder,
        "session_secret": "s" * 32,
    } | {
        f"{which}_url": f"http://127.0.0.1:{free_port()}"
        for which in ("api_gw", "service_http", "publisher")
    }
    fields = known.model_fields
    settings = Noting(**{k: v for k, v in (nowhere | others).items() if k in fields})
    read.clear()
    return settings, read


def create_app(name: str, settings: ServiceSettings) -> Any:
    return import_module(f"services.{name}.app").create_app(settings)


@pytest.mark.parametrize("name", NEEDS)
async def test_every_setting_is_read(name: str, tmp_path: Path) -> None:
    settings, read = settings_of(name, tmp_path)
    app = create_app(name, settings)
    _create_server(app, settings, Telemetry([]))
    async with app.lifespan():
        pass
    assert set(type(settings).model_fields) - read - READ_ELSEWHERE == set()
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(("name", "needs"), NEEDS.items())
async def test_the_probes_know_what_is_needed_and_what_is_not(
    name: str, needs: tuple[set[str], set[str]], tmp_path: Path
) -> None:
    settings, _ = settings_of(name, tmp_path)
    app = create_app(name, settings)
    async with app.lifespan():
        known = app.health.dependencies.items()
        assert {one for one, dependency in known if dependency.required} == needs[0]
        assert {one for one, dependency in known if not dependency.required} == needs[1]


def place_of(client: Redis) -> tuple[str, float]:
    """Where a client connects to, and how long it waits for an answer."""
    options = client.connection_pool.connection_kwargs
    return f"redis://{options['host']}:{options['port']}/0", options["socket_timeout"]


async def test_the_consumer_gets_what_is_set_and_a_name_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of one name would share what is pending: two of one host, or one that was started
    again."""
    made: list[Any] = []

    class NotedWorker(consumer_resources.Worker):
        def __init__(self, *parts: Any, **options: Any) -> None:
            made.append((*parts, options))
            super().__init__(*parts, **options)

    monkeypatch.setattr(consumer_resources, "Worker", NotedWorker)
    settings: Any
    settings, _ = settings_of(
        "consumer", tmp_path, claim_idle_seconds=7.5, max_deliveries=3, batch_size=9
    )
    for _ in range(2):
        async with create_app("consumer", settings).lifespan():
            await asyncio.sleep(0)
    (group, handler, _store, _health, options), (other, *_) = made
    assert group.consumer != other.consumer
    assert options == {"batch_size": 9}
    assert group.claim_idle_ms == 7500
    assert handler._max_deliveries == 3
    queue_url, timeout = place_of(group.client)
    assert queue_url == settings.queue_redis_url
    assert timeout > stream.BLOCK_SECONDS + 1, "a read that waits is no fault"
    assert place_of(handler._cache) == (settings.cache_redis_url, 1)


async def test_service_http_asks_to_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    create_engine = service_http_resources.create_database_engine

    def note(url: str, **options: Any) -> Any:
        asked.update(options)
        return create_engine(url, **options)

    monkeypatch.setattr(service_http_resources, "create_database_engine", note)
    settings, _ = settings_of("service_http", tmp_path, database_connections=3)
    async with create_app("service_http", settings).lifespan():
        pass
    assert (asked["read_only"], asked["connections"]) == (True, 3)


async def test_the_publisher_gets_what_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Any
    settings, _ = settings_of(
        "publisher",
        tmp_path,
        queue_timeout_seconds=1.5,
        idempotency_seconds=77,
        max_backlog_orders=5,
        max_oldest_age_seconds=6,
        max_memory_share=0.7,
    )
    app = create_app("publisher", settings)
    async with app.lifespan():
        publisher = app.state.publisher
    assert place_of(publisher._redis) == (settings.queue_redis_url, 1.5)
    assert publisher._idempotency_seconds == 77
    assert publisher._monitor._bounds == QueueBounds(
        backlog_orders=5, oldest_age_seconds=6, memory_share=0.7
    )
