"""Progress of long work, on stderr, so that stdout stays the result."""

import sys
import time

_INTERVAL_SECONDS = 2.0


class Progress:
    """Prints how far the work is, every two seconds at most."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _INTERVAL_SECONDS

    def update(self, count: int, what: str) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _INTERVAL_SECONDS
            print(f"… {count} {what}", file=sys.stderr, flush=True)
