"""The ASGI lifespan of an app, with its own exceptions instead of log lines about them."""

import asyncio
from typing import Any

from starlette.types import Message, Scope
from uvicorn.config import Config


class Lifespan:
    """In place of uvicorn's `LifespanOn`: what the app raises reaches who starts or stops it."""

    should_exit = False

    def __init__(self, config: Config) -> None:
        self.state: dict[str, Any] = {}
        self._config = config
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._started = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        scope: Scope = {
            "type": "lifespan",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.0"},
            "state": self.state,
        }
        app: Any = self._config.loaded_app
        self._to_app.put_nowait({"type": "lifespan.startup"})
        self._task = asyncio.create_task(app(scope, self._to_app.get, self._take_from_app))
        waiting = asyncio.create_task(self._started.wait())
        await asyncio.wait({self._task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done():
            self._task.result()
            raise RuntimeError("the app ended before it had started")

    async def shutdown(self) -> None:
        if self._task is not None:
            self._to_app.put_nowait({"type": "lifespan.shutdown"})
            await self._task

    async def _take_from_app(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            self._started.set()
