"""Waiting with a deadline."""

import time
from collections.abc import Callable
from typing import Any


def eventually(
    read: Callable[[], Any],
    enough: Callable[[Any], bool] = bool,
    seconds: float = 30,
    pause_seconds: float = 0.05,
) -> Any:
    """Read until it is enough; the last thing read is in the failure."""
    deadline = time.monotonic() + seconds
    while True:
        value = read()
        if enough(value):
            return value
        assert time.monotonic() < deadline, f"after {seconds} s still {value!r}"
        time.sleep(pause_seconds)
