"""How a measurement runs as a command: it ends by a signal as by Ctrl-C, and says how far it is."""

import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from servicekit.signals import not_ignored


def interrupt_on_sigterm() -> None:
    """So that what was started is stopped."""
    for number in not_ignored(signal.SIGTERM):
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def progress_since_now() -> Callable[[str], None]:
    """Prints lines on stderr, each with the seconds since this call."""
    began = time.monotonic()

    def progress(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", file=sys.stderr, flush=True)

    return progress
