"""Probes: `/healthz` shows that the event loop turns, `/readyz` whether to send requests here.

Each dependency must have been available once before the service is ready. If one becomes
unavailable later, the service is ready but `degraded`: a blip must not take every replica out at
the same time.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from servicekit.telemetry.tracing import untraced

Check = Callable[[], Awaitable[str | None]]

logger = logging.getLogger(__name__)

_INTERVAL_SECONDS = 2.0
_START_INTERVAL_SECONDS = 0.2
_TIMEOUT_SECONDS = 1.5


@dataclass
class Dependency:
    """`check` returns a detail worth showing or None, and raises if it is unavailable."""

    check: Check
    required: bool
    was_available: bool = False
    ok: bool = False
    detail: str = "not reached yet"


@dataclass
class Health:
    """State of this process as its probes show it."""

    dependencies: dict[str, Dependency] = field(default_factory=dict)
    # The longest pause of a background loop before the process counts as dead.
    heartbeat_limit_seconds: float | None = None
    _draining: bool = False
    _last_beat: float = field(default_factory=time.monotonic)

    def add(self, name: str, check: Check, *, required: bool = True) -> None:
        self.dependencies[name] = Dependency(check, required)

    def start_draining(self) -> None:
        """Not ready from now on; requests are still answered."""
        self._draining = True

    @property
    def draining(self) -> bool:
        return self._draining

    def beat(self) -> None:
        """A background loop turned."""
        self._last_beat = time.monotonic()

    @property
    def alive(self) -> bool:
        limit = self.heartbeat_limit_seconds
        return limit is None or time.monotonic() - self._last_beat < limit

    @property
    def status(self) -> str:
        if self._draining:
            return "draining"
        if any(d.required and not d.was_available for d in self.dependencies.values()):
            return "starting"
        return "ok" if all(d.ok for d in self.dependencies.values()) else "degraded"

    @asynccontextmanager
    async def monitored(self) -> AsyncIterator[None]:
        """Check every dependency in the background while the context lasts."""
        tasks = {
            asyncio.create_task(self._monitor(name, dependency))
            for name, dependency in self.dependencies.items()
        }
        try:
            yield
        finally:
            await _cancel(tasks)

    async def _monitor(self, name: str, dependency: Dependency) -> None:
        while True:
            with untraced():
                await _refresh(name, dependency)
            await asyncio.sleep(
                _INTERVAL_SECONDS if dependency.was_available else _START_INTERVAL_SECONDS
            )


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    """Until they end: `asyncio.wait_for`, through which redis-py writes, loses a cancellation
    that comes just as it is done (CPython 3.11, gh-86296)."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=0.1)


async def _refresh(name: str, dependency: Dependency) -> None:
    was_ok = dependency.ok
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            detail = await dependency.check()
    except Exception as error:
        dependency.ok = False
        dependency.detail = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        if was_ok:
            logger.warning("%s is unavailable: %s", name, dependency.detail)
        return
    if not was_ok and dependency.was_available:
        logger.warning("%s is available again", name)
    dependency.ok = dependency.was_available = True
    dependency.detail = detail or "reached"


def health_routes(health: Health) -> list[Route]:
    """`/healthz` and `/readyz`."""

    async def healthz(_request: Request) -> JSONResponse:
        return JSONResponse(
            {"status": "ok" if health.alive else "stuck"}, 200 if health.alive else 503
        )

    async def readyz(_request: Request) -> JSONResponse:
        status = health.status
        checks = {
            name: {"ok": dependency.ok, "detail": dependency.detail}
            for name, dependency in health.dependencies.items()
        }
        ready = status in {"ok", "degraded"}
        return JSONResponse({"status": status, "checks": checks}, 200 if ready else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
