"""Questions to the database: none for somebody who is gone, and no event loop that waits."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.exc import InterfaceError

from servicekit.database.engine import DatabaseThreads
from servicekit.deadline import within
from servicekit.problems import DeadlinePassed
from services.service_http import database as database_module
from services.service_http.database import Database, DatabaseAway


class NoEngine:
    """Every question gets a connection that is none."""

    @contextmanager
    def connect(self) -> Iterator[None]:
        yield None


class CountedThreads(DatabaseThreads):
    taken = 0

    async def run(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        self.taken += 1
        return await super().run(function, *args, **kwargs)


@pytest.fixture
async def threads() -> AsyncIterator[CountedThreads]:
    threads = CountedThreads(1)
    yield threads
    await threads.close()


@pytest.fixture
def database(threads: CountedThreads) -> Database:
    engine: Any = NoEngine()
    return Database(engine, threads)


class Question:
    """Answers when it may; counts how often it was asked."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.asked = 0
        self.began, self.may_answer = threading.Event(), threading.Event()
        if at_once:
            self.may_answer.set()

    def __call__(self, _connection: object) -> str:
        self.asked += 1
        self.began.set()
        self.may_answer.wait(60)
        return "answer"


async def test_nothing_is_asked_when_no_time_is_left(
    database: Database, threads: CountedThreads
) -> None:
    question = Question()
    for _ in range(5):
        with pytest.raises(DeadlinePassed):
            async with within(0):
                await database.ask(question)
    assert (question.asked, threads.taken) == (0, 0)
    assert await database.ask(question) == "answer", "it says nothing about the database"


async def test_nothing_is_asked_for_somebody_who_left_while_the_threads_were_busy(
    database: Database,
) -> None:
    first, second = Question(at_once=False), Question()
    busy = asyncio.create_task(database.ask(first))
    await asyncio.to_thread(first.began.wait, 60)
    # A shield, as the cache has: the question itself is not cancelled with its caller.
    async with within(1000):
        left = asyncio.create_task(_ask_within(0.05, database, second))
        with pytest.raises(DeadlinePassed):
            await left
    first.may_answer.set()
    assert await busy == "answer"
    assert await database.ask(Question()) == "answer"  # its turn would have been before this
    assert second.asked == 0


async def _ask_within(seconds: float, database: Database, question: Question) -> None:
    async with within(seconds):
        await asyncio.shield(asyncio.create_task(database.ask(question)))


async def test_a_caller_without_patience_says_nothing_about_the_database(
    database: Database,
) -> None:
    for _ in range(5):
        question = Question(at_once=False)
        with pytest.raises(DeadlinePassed):
            async with within(0.06):  # apart enough to count one by one
                await database.ask(question)
        question.may_answer.set()
    assert await database.ask(Question()) == "answer"


async def test_a_database_that_is_silent_is_left_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_LIMIT_SECONDS", 0.06)
    silent = Question(at_once=False)
    for _ in range(3):
        with pytest.raises(DatabaseAway):
            await database.ask(silent)
    silent.may_answer.set()
    healthy = Question()
    with pytest.raises(DatabaseAway):
        await database.ask(healthy)
    assert healthy.asked == 0


async def test_a_database_that_answers_in_between_is_not_left_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database._breaker, "_together_seconds", 0)

    def fail(_connection: object) -> None:
        raise InterfaceError("SELECT 1", None, ConnectionError())

    for _ in range(3):
        for _ in range(2):
            with pytest.raises(DatabaseAway):
                await database.ask(fail)
        assert await database.ask(Question()) == "answer"


async def test_closing_waits_for_what_runs_and_the_event_loop_goes_on() -> None:
    threads, question = DatabaseThreads(1), Question(at_once=False)
    running = asyncio.create_task(threads.run(question, None))
    await asyncio.to_thread(question.began.wait, 60)
    # From outside, so that a loop that stands still shows instead of waiting for ever.
    release = threading.Timer(2, question.may_answer.set)
    release.start()
    closing = asyncio.create_task(threads.close())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not question.may_answer.is_set(), "the event loop stood still"
    assert not closing.done()
    release.cancel()
    question.may_answer.set()
    await closing
    assert await running == "answer"
