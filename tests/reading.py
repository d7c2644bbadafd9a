"""service-http under test: with real servers behind it, and what tests want to know of it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event

from services.service_http.app import create_app
from services.service_http.settings import Settings
from tests.asgi import running

# `start(queue_url=…)`; the servers of the run otherwise.
Start = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

# For tests in which one database is as good as the other, and for those that stop a server.
on_any_database = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
on_a_server = pytest.mark.parametrize("migrated_url", ["mysql"], indirect=True)


@asynccontextmanager
async def service_http(
    database_url: str,
    queue_url: str,
    cache_url: str,
    *,
    cache_timeout_seconds: float = 5,
    cache_memory_bytes: int = 0,
) -> AsyncIterator[httpx.AsyncClient]:
    """The cache may be slow by default: so is the machine that runs tests. It is asked each time,
    so that a test sees what it has put there."""
    settings = Settings(
        database_url=database_url,
        queue_redis_url=queue_url,
        cache_redis_url=cache_url,
        cache_timeout_seconds=cache_timeout_seconds,
        cache_memory_bytes=cache_memory_bytes,
    )
    async with running(create_app(settings)) as client:
        yield client


@contextmanager
def statements_counted(containing: str) -> Iterator[list[str]]:
    """Every SQL statement of this process that contains the text, as it is executed."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if containing in statement:
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
