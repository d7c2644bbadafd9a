"""One whole answer of another service, within the deadline of who asks; all else is a problem."""

import asyncio
import json as json_module
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from servicekit.deadline import TIMEOUT_HEADER, remaining_seconds, require_time
from servicekit.http_client.answer import Headers
from servicekit.http_client.failures import UpstreamFailure, problem_for
from servicekit.http_client.remote_service import RemoteService
from servicekit.http_client.second_try import is_repeatable, with_second_try
from servicekit.problems import BadGateway, DeadlinePassed, Problem, ServiceUnavailable

_OURS = [(b"accept", b"*/*"), (b"user-agent", b"arloji")]


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer that is whole."""

    status: int
    headers: Headers
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def header(self, name: bytes) -> str:
        """By its name in lower case; empty if there is none."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    def json(self) -> Any:
        """Raises `ValueError`."""
        return json_module.loads(self.body)


async def fetch(
    service: RemoteService,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Fetched:
    """The whole answer, if its status is 2xx, 3xx or 4xx: no redirect is followed, no cookie kept.

    Raises `BadGateway`, `ServiceUnavailable` (with the service's own `Retry-After`) or
    `DeadlinePassed` for everything else. Sends a second time, once, only on a reused connection
    that broke before the first byte of the answer, and only a safe method or a request with an
    `Idempotency-Key`.
    """
    given = dict(headers or {})
    target = f"{path}?{urlencode(params)}" if params else path
    body = b"" if json is None else json_module.dumps(json, separators=(",", ":")).encode()
    sent = _OURS + [(name.lower().encode(), value.encode()) for name, value in given.items()]
    if body:
        sent.append((b"content-type", b"application/json"))

    async def attempt(resends: int) -> Fetched:
        require_time()
        left, named = remaining_seconds(), list(sent)
        if left is not None:
            named.append((TIMEOUT_HEADER.lower().encode(), b"%d" % max(1, int(left * 1000))))
        async with asyncio.timeout(left):
            with await service.send(method, target, named, body, resends=resends) as answer:
                return Fetched(answer.status, answer.headers, await answer.read())

    repeatable = is_repeatable(method, given)
    try:
        fetched = await with_second_try(attempt, lambda failure: repeatable and failure.reused)
    except UpstreamFailure as failure:
        raise problem_for(failure) from failure
    except TimeoutError as error:
        raise DeadlinePassed("The deadline passed.") from error
    if fetched.status >= 500:
        raise _problem_of(fetched)
    return fetched


def _problem_of(fetched: Fetched) -> Problem:
    if fetched.status == 503:
        seconds = fetched.header(b"retry-after")
        return ServiceUnavailable(
            "The service behind this one is not able now.",
            retry_after_seconds=int(seconds) if seconds.isdigit() else 1,
        )
    if fetched.status == 504:
        return DeadlinePassed("The service behind this one took too long.")
    return BadGateway("The service behind this one failed.")
