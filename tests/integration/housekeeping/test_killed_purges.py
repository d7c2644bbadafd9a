"""A purge that ends anywhere: nothing is deleted that is not archived, nothing archived twice,
and the next run goes on."""

import itertools
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from database.tables import purged_orders
from housekeeping.purge_orders import archive, purge
from tests.integration.housekeeping.purging import Books

ROOT = Path(__file__).parents[3]
ORDERS, BATCH = 5, "2"
# All in the long version; else every third from a random one on, so that runs differ.
STRIDE = 1 if os.environ.get("LONG_TESTS") else 3


class Killed(BaseException):
    """Nothing catches it, as nothing follows a SIGKILL."""


class Death:
    """Comes before the step of this number, or in the middle of it."""

    def __init__(self, step: int, patch: pytest.MonkeyPatch) -> None:
        self._left, self.came = step, False
        for name in ("fsync", "ftruncate", "open"):
            patch.setattr(os, name, self._before(getattr(os, name)))
        patch.setattr(os, "write", self._half(os.write))
        for name in ("rename", "unlink"):
            patch.setattr(Path, name, self._before(getattr(Path, name)))
        patch.setattr(purge, "transaction", self._around(purge.transaction))

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.came = True
        if self.came:
            raise Killed

    def _before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*arguments: Any, **options: Any) -> Any:
            self.step()
            return function(*arguments, **options)

        return dying

    def _half(self, write: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
        def dying(descriptor: int, data: bytes) -> int:
            try:
                self.step()
            except Killed:
                write(descriptor, data[: len(data) // 2])
                raise
            return write(descriptor, data)

        return dying

    def _around(self, transaction: Callable[[Engine], Any]) -> Callable[[Engine], Any]:
        @contextmanager
        def dying(engine: Engine) -> Iterator[Any]:
            with transaction(engine) as connection:
                event.listen(connection, "before_cursor_execute", lambda *_: self.step())
                event.listen(connection, "commit", lambda *_: self.step())
                yield connection
            self.step()  # committed, and nobody heard of it

        return dying


def test_a_purge_may_end_before_any_of_its_steps(books: Books) -> None:
    """Twice in a row: the run that goes on is killed as well, at another step."""
    steps = 0
    for step in itertools.count(random.randint(1, STRIDE), STRIDE):
        books.store(ORDERS)
        for number in (step, 1 + step // 2):
            with pytest.MonkeyPatch.context() as patch:
                death = Death(number, patch)
                with suppress(Killed):
                    books.purge("--batch", BATCH)
            books.assert_each_old_order_is_either_stored_or_archived()
            if number == step and not death.came:
                steps = step
        books.purge("--batch", BATCH)
        books.assert_each_old_order_is_either_stored_or_archived()
        assert archive.list_unfinished(books.archive) == []
        assert len(books.ids(purged_orders)) == len(books.old)
        if steps:
            break
    # Three batches of eight statements each, their commits, writes and fsyncs, and more.
    assert steps > 40


# As `python -m housekeeping`, but dead at the n-th fsync.
MORTAL = """
import os, signal, sys
from housekeeping.__main__ import main
left, fsync = int(sys.argv[1]), os.fsync
def dying(descriptor):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(descriptor)
os.fsync = dying
sys.exit(main(["purge-orders", "--pause", "0", "--batch", "2"]))
"""


@pytest.mark.parametrize("fsyncs", [1, 3, 4])
def test_a_purge_that_is_killed_goes_on_with_the_next_run(books: Books, fsyncs: int) -> None:
    books.store(ORDERS)
    done = subprocess.run(
        [sys.executable, "-c", MORTAL, str(fsyncs)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    books.assert_each_old_order_is_either_stored_or_archived()
    result = books.result()
    assert result["orders"] + result["orders_of_interrupted_run"] == ORDERS
    books.assert_each_old_order_is_either_stored_or_archived()


@pytest.mark.parametrize("committed", [False, True])
def test_a_commit_that_is_not_answered_is_looked_up(
    books: Books, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """The connection breaks: the same run finds out what became of its batch, and goes on."""
    books.store(ORDERS)
    real, left = purge.transaction, [2]

    @contextmanager
    def breaking(engine: Engine) -> Iterator[Any]:
        left[0] -= 1
        gone = OperationalError("COMMIT", None, Exception("gone"), connection_invalidated=True)
        with real(engine) as connection:
            yield connection
            if left[0] == 0 and not committed:
                raise gone
        if left[0] == 0:
            raise gone

    monkeypatch.setattr(purge, "transaction", breaking)
    monkeypatch.setattr(purge.time, "sleep", lambda _: None)
    assert books.result("--batch", BATCH)["orders"] == ORDERS
    assert left[0] < 0
    books.assert_each_old_order_is_either_stored_or_archived()
