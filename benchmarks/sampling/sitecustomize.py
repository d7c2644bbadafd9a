"""Makes any Python process one that can be sampled: Python imports this file by itself where its
folder is on PYTHONPATH. Standard library only, and nothing of the shop.

SIGUSR1 begins; the next one ends, and writes a line for each stack that was seen, in the form that
tools for flame graphs read (`outer;inner 3`), to `<pid>.folded` in the folder SAMPLES_FOLDER."""

import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

# Of CPU that the process used, not of time: who waits is not seen.
_EVERY_SECONDS = 0.002
# The innermost function of a thread that waits.
_WAITING = {"wait", "get", "acquire", "_worker", "_recv", "select"}

_seen: Counter[tuple[str, ...]] = Counter()


def _take(_number: int, frame: FrameType | None) -> None:
    """Python runs this in the main thread as soon as that one computes. If it is in its loop only
    to be told, it was another thread that used the CPU."""
    stack = _stack(frame)
    others = [_stack(one) for one in _other_threads()] if _is_idle(stack) else []
    working = [
        one
        for one in others
        if one and one[-1].replace(":", ".").rpartition(".")[2] not in _WAITING
    ]
    _seen[working[0] if working else stack] += 1


def _is_idle(stack: tuple[str, ...]) -> bool:
    return bool(stack) and stack[-1].partition(":")[0] in {"asyncio.runners", "selectors"}


def _other_threads() -> list[FrameType]:
    own = threading.get_ident()
    return [frame for ident, frame in sys._current_frames().items() if ident != own]


def _stack(frame: FrameType | None) -> tuple[str, ...]:
    names: list[str] = []
    while frame is not None:
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name).replace(".<locals>", "")
        names.append(f"{frame.f_globals.get('__name__', '?')}:{name}")
        frame = frame.f_back
    return tuple(reversed(names))


def _begin_or_end(_number: int, _frame: FrameType | None) -> None:
    if signal.getitimer(signal.ITIMER_PROF)[1]:
        signal.setitimer(signal.ITIMER_PROF, 0)
        lines = (f"{';'.join(stack)} {times}\n" for stack, times in _seen.items())
        folder = os.environ["SAMPLES_FOLDER"]  # noqa: TID251  # it has no settings
        file = Path(folder) / f"{os.getpid()}.folded"
        unfinished = file.with_suffix(".part")
        unfinished.write_text("".join(lines), encoding="utf-8")
        unfinished.replace(file)
    else:
        _seen.clear()
        signal.setitimer(signal.ITIMER_PROF, _EVERY_SECONDS, _EVERY_SECONDS)


signal.signal(signal.SIGPROF, _take)
signal.signal(signal.SIGUSR1, _begin_or_end)
