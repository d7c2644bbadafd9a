"""Killed at any point, a command leaves a state from which the next run goes on."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.integration.housekeeping.shop import BOTH_PLACES, Shop
from tests.integration.housekeeping.test_purging import aged

ROOT = Path(__file__).parents[3]
ROUNDS = 60 if os.environ.get("LONG_TESTS") else 2
# The process ends itself, as by kill -9, when it has done so many steps that touch files, start
# programs or speak to servers: what is between two of them nobody else can see.
KILL_AFTER = """
import os, signal, sys
kill_after, steps = int(sys.argv.pop(1)), 0
# A folder is emptied by names within it.
ALWAYS = (
    *("subprocess.", "sqlite3.", "socket.connect", "fcntl.", "os.remove", "os.rmdir"),
    "http.client.send",
)
OF_BACKUPS = ("open", "os.", "shutil.")

def count(event, arguments):
    global steps
    if event.startswith(ALWAYS) or (
        event.startswith(OF_BACKUPS) and any("backups" in str(one) for one in arguments)
    ):
        steps += 1
        if steps == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

from housekeeping.__main__ import main
sys.addaudithook(count)
code = main(sys.argv[1:])
print("steps", steps)
sys.exit(code)
"""


def run_killed(after: int, *arguments: str) -> int | None:
    """None if it was killed, else how many steps it took to its end."""
    done = subprocess.run(
        [sys.executable, "-c", KILL_AFTER, str(after), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def points(steps: int | None) -> Iterator[int]:
    """Evenly spread over the steps, at random places: each killed somewhere else."""
    assert steps is not None
    assert steps > 10
    source = random.Random()
    for number in range(ROUNDS):
        low, high = steps * number // ROUNDS, steps * (number + 1) // ROUNDS
        yield source.randint(low + 1, max(low + 1, high))


@pytest.fixture(autouse=True)
def _no_schema_is_left(kept_shop: Shop) -> Iterator[None]:
    yield
    if kept_shop.engine.dialect.name != "sqlite":
        with kept_shop.engine.connect() as connection:
            for schema in connection.scalars(text("SHOW DATABASES LIKE 'shop\\_%'")).all():
                connection.execute(text(f"DROP DATABASE `{schema}`"))


@BOTH_PLACES
@pytest.mark.timeout(600)
def test_a_killed_backup_is_whole_or_not_there(kept_shop: Shop) -> None:
    kept_shop.backup()
    for after in points(run_killed(0, "backup")):
        assert run_killed(after, "backup") is None
        assert kept_shop.run("verify", "--all")["backups"], after
        kept_shop.run("backup")
        assert_nothing_is_left(kept_shop)


def assert_nothing_is_left(shop: Shop) -> None:
    """Beside the backups there are, of one that was not finished or not removed."""
    left = {path.name for path in shop.folder.iterdir() if path.is_dir()}
    assert left == {backup.name for backup in shop.backups()}
    assert [path for path in shop.store.work.glob(".*") if path.is_dir()] == []


@BOTH_PLACES
@pytest.mark.timeout(600)
def test_a_killed_purge_leaves_whole_backups_and_the_next_one_ends_it(kept_shop: Shop) -> None:
    purge = ("purge-backups", "--daily", "1", "--weekly", "0", "--monthly", "0")

    def fill() -> str:
        for days in (3, 2):
            aged(kept_shop, days)
        return kept_shop.backup().name

    fill()
    for after in points(run_killed(0, *purge)):
        newest = fill()
        # It has a backup more to remove than the run that was counted.
        assert run_killed(after, *purge) is None
        left = kept_shop.backups()
        assert all(one.is_good for one in left), after
        assert newest in [one.name for one in left]
        kept_shop.run("verify", "--all")
        kept_shop.run(*purge)
        assert [one.name for one in kept_shop.backups()] == [newest]
        assert_nothing_is_left(kept_shop)


@pytest.mark.timeout(600)
def test_a_killed_restore_leaves_the_old_content_or_the_new(kept_shop: Shop) -> None:
    kept_shop.backup()
    for after in points(run_killed(0, "restore", "--replace")):
        kept_shop.order()
        assert kept_shop.orders() == 4
        assert run_killed(after, "restore", "--replace") is None
        kept_shop.engine.dispose()
        assert kept_shop.orders() in {3, 4}, after
        kept_shop.run("restore", "--replace")
        assert kept_shop.orders() == 3


def test_the_lock_ends_with_its_holder(kept_shop: Shop) -> None:
    kept_shop.backup()
    hold = (
        "import sys, time\nfrom pathlib import Path\nfrom housekeeping.lock import locked\n"
        "with locked(Path(sys.argv[1]), 'writing', 'backup'):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(kept_shop.folder)], cwd=ROOT, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        began = time.monotonic()
        assert f"process {holder.pid}" in kept_shop.run("backup", code=2)
        assert time.monotonic() - began < 10
        holder.kill()
    kept_shop.run("backup")
