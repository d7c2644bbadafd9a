"""Questions to the database, asked from the event loop."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from servicekit.circuit_breaker import Breaker
from servicekit.database.engine import DatabaseThreads, is_unavailable
from servicekit.deadline import require_time
from servicekit.problems import ServiceUnavailable

T = TypeVar("T")

# Waiting for a thread included; a little less than the request's own limit.
_TIMEOUT_SECONDS = 2.5
# Who gives up after this time counts as a failure of the database, before then as impatient.
_SLOW_SECONDS = 1.0


class DatabaseUnavailable(ServiceUnavailable):
    """The database cannot be asked now."""

    def __init__(self) -> None:
        super().__init__("The database cannot be asked at the moment.")


class Database:
    """Each question is one function that gets a connection and runs in a thread, with a
    snapshot of its own. At most as many run as the engine has connections."""

    def __init__(self, engine: Engine, threads: DatabaseThreads) -> None:
        self._engine, self._threads = engine, threads
        self._breaker = Breaker(failures=3, pause_seconds=1)

    async def ask(self, question: Callable[[Connection], T]) -> T:
        """The answer. Raises `DatabaseUnavailable`; `DeadlinePassed` if the request's time was over
        before the question could be asked."""
        require_time()
        if not self._breaker.allows():
            raise DatabaseUnavailable
        began = time.monotonic()
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                answer = await self._threads.run(self._ask, question)
        except TimeoutError as error:
            self._breaker.failed()
            raise DatabaseUnavailable from error
        except asyncio.CancelledError:
            if time.monotonic() - began > _SLOW_SECONDS:
                self._breaker.failed()
            raise
        except SQLAlchemyError as error:
            if not is_unavailable(error):
                raise
            self._breaker.failed()
            raise DatabaseUnavailable from error
        self._breaker.succeeded()
        return answer

    def _ask(self, question: Callable[[Connection], T]) -> T:
        require_time()  # it may have waited for its thread
        with self._engine.connect() as connection:
            return question(connection)
