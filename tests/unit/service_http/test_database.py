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
from services.service_http.database import Database, DatabaseUnavailable


class NoEngine:
    """Every question gets a connection that is none."""

    @contextmanager
    def connect(self) -> Iterator[None]:
        yield None


@pytest.fixture
async def threads() -> AsyncIterator[DatabaseThreads]:
    threads = DatabaseThreads(1)
    yield threads
    await threads.close()


@pytest.fixture
def database(threads: DatabaseThreads) -> Database:
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
    database: Database, threads: DatabaseThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(threads, "run", lambda *_: pytest.fail("a thread was taken"))
        for _ in range(5):
            with pytest.raises(DeadlinePassed), within(0):
                await database.ask(Question())
    assert await database.ask(Question()) == "answer", "it says nothing about the database"


async def test_nothing_is_asked_for_somebody_who_left_while_the_threads_were_busy(
    database: Database,
) -> None:
    first, second = Question(at_once=False), Question()
    busy = asyncio.create_task(database.ask(first))
    await asyncio.to_thread(first.began.wait, 60)

    async def ask_within(seconds: float) -> None:
        # A shield, as the cache has: the question itself is not cancelled with its caller.
        with within(seconds):
            await asyncio.shield(asyncio.create_task(database.ask(second)))

    with pytest.raises(DeadlinePassed):
        await asyncio.create_task(ask_within(0.05))
    first.may_answer.set()
    assert await busy == "answer"
    assert await database.ask(Question()) == "answer"  # its turn would have been before this
    assert second.asked == 0


@pytest.mark.parametrize("silent", [False, True])
async def test_a_database_that_is_silent_is_left_alone_and_one_whose_caller_gives_up_is_not(
    database: Database, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    if silent:
        monkeypatch.setattr(database_module, "_TIMEOUT_SECONDS", 0.06)
    question, healthy = Question(at_once=False), Question()
    for _ in range(3):  # apart enough to count one by one
        expected = DatabaseUnavailable if silent else DeadlinePassed
        with pytest.raises(expected), within(60 if silent else 0.06):
            await database.ask(question)
    question.may_answer.set()
    if silent:
        with pytest.raises(DatabaseUnavailable):
            await database.ask(healthy)
    else:
        assert await database.ask(healthy) == "answer"
    assert healthy.asked == (0 if silent else 1)


async def test_a_database_that_answers_in_between_is_not_left_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database._breaker, "_together_seconds", 0)

    def fail(_connection: object) -> None:
        raise InterfaceError("SELECT 1", None, ConnectionError())

    for _ in range(3):
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
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
