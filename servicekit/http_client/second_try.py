"""The one second try that a request may have, and the rule for it."""

import random
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from servicekit.http_client.failures import ConnectionFailed

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

T = TypeVar("T")

_LONGEST_PAUSE_SECONDS = 0.05


def full_jitter() -> float:
    """How long to wait before the second try: who failed together is not to come back together."""
    return random.uniform(0, _LONGEST_PAUSE_SECONDS)


def is_repeatable(method: str, header_names: Iterable[str]) -> bool:
    """Sending it twice has the effect of sending it once."""
    return method in SAFE_METHODS or any(name.lower() == "idempotency-key" for name in header_names)


async def with_second_try(
    attempt: Callable[[int], Awaitable[T]], may_repeat: Callable[[ConnectionFailed], bool]
) -> T:
    """What `attempt` returns, which is told how many there were before. It is made a second time,
    once, only if the connection broke before the first byte of the answer and `may_repeat`
    agrees."""
    try:
        return await attempt(0)
    except ConnectionFailed as failure:
        if not (failure.before_answer and may_repeat(failure)):
            raise
    return await attempt(1)
