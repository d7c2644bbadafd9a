"""How a child ended, and whether a full disk explains it."""

import asyncio
import signal
from contextlib import suppress

from local.console import say
from local.layout import DataFolder

_WRITABLE_POLL_SECONDS = 1.0


async def wait_until_writable(
    folder: DataFolder, name: str, code: int, stop: asyncio.Event
) -> bool:
    """Whether the data folder cannot be written to, as on a full disk, which may be why the child
    ended; if so, return once it can be written to again, or at the stop."""
    error = folder.write_error()
    if error is None:
        return False
    say(name, f"ended ({describe(code)}): {error}; starting again once that is over", "bad")
    while not stop.is_set() and folder.write_error() is not None:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _WRITABLE_POLL_SECONDS)
    if not stop.is_set():
        say(name, "there is space again: starting")
    return True


def describe(code: int) -> str:
    """An exit code as a supervisor passes it on: 128 plus the signal that ended the child."""
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return f"exit {code}"
