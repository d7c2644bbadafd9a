"""How a child ended, and whether it was its own doing."""

import asyncio
import signal
from contextlib import suppress

from local.console import say
from local.layout import DataFolder

_ROOM_POLL_SECONDS = 1.0


async def wait_out(folder: DataFolder, name: str, code: int, stop: asyncio.Event) -> bool:
    """Whether the data folder cannot be written to, a full disk for one, which whoever ended
    now may have ended of; if so, return once it can be again, or at the stop."""
    trouble = folder.trouble()
    if trouble is None:
        return False
    say(name, f"ended ({describe(code)}): {trouble}; starting again once that is over", "bad")
    while not stop.is_set() and folder.trouble() is not None:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _ROOM_POLL_SECONDS)
    if not stop.is_set():
        say(name, "there is room again: starting")
    return True


def describe(code: int) -> str:
    """An exit code as a guard hands it on: 128 and a signal's number if that ended the child."""
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return f"exit {code}"
