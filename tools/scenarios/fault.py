"""A fault that can be undone, and what faults in both ways to run have in common."""

from collections.abc import Callable
from dataclasses import dataclass

# Each has its page: docs/scenarios/<name>.md.
NAMES = (
    "mysql-slows-down",
    "consumer-dies",
    "cache-cold",
    "traffic-x10",
    "poison-order",
    "disk-fills",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """`undo` also undoes what a process did that was killed, and does nothing if there is nothing
    to undo."""

    inject: Callable[[], object]
    undo: Callable[[], object]


class ScenarioFailed(Exception):
    """It cannot be injected or undone; the message says why."""


# What follows runs where the shop's own packages are, by `python -c`: here, or in a container.

_POISON_TEXT = '{"order_id": "of the scenario poison-order"'
POISON = f"""
import asyncio
from servicekit.redis import create_redis
from servicekit.settings import read_settings
from services.publisher.settings import Settings

async def poison():
    queue = create_redis(read_settings(Settings).queue_redis_url, timeout_seconds=5)
    await queue.xadd("orders", {{"schema": "1", "order": {_POISON_TEXT!r}}})
    await queue.aclose()

asyncio.run(poison())
"""


def is_poison(dead_letter: dict[str, str]) -> bool:
    """Whether a dead letter, as `show --json` tells it, is of the scenario."""
    return dead_letter["order"] == _POISON_TEXT


# Below the bound of the alert, and far enough from nothing for every program to go on.
_LEFT = 0.04
# Its argument is a file; blocks are allotted to it, not written.
FILL = f"""
import os, sys
found = os.statvfs(os.path.dirname(sys.argv[1]))
size = (found.f_bavail - int(found.f_blocks * {_LEFT})) * found.f_frsize
if size <= 0:
    sys.exit("this file system is as full already")
descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
os.posix_fallocate(descriptor, 0, size)
print(f"{{sys.argv[1]}} takes {{size / 2**30:.1f}} GiB")
"""
