"""Checks before any handler; what is refused is not read further than it takes to know."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest
from starlette.types import Message, Receive, Scope, Send

from contracts.problems import GuestRequired
from servicekit.http_server.body import MAX_BODY_BYTES
from servicekit.problems import BodyTooLarge
from services.frontend import csrf
from services.frontend.csrf import CrossOriginRequest, Initiator
from services.frontend.guest import SCOPE_KEY, Guest
from services.frontend.request_checks import RequestChecks

LEFT: Message = {"type": "http.disconnect"}
CHUNKED = (b"transfer-encoding", b"chunked")


def part(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def check(
    messages: Iterable[Message],
    header: tuple[bytes, bytes] = CHUNKED,
    *,
    method: str = "POST",
    path: str = "/cart",
    known: bool = True,
    initiator: Initiator = Initiator.SAME_ORIGIN,
) -> list[Message]:
    """The first two messages that the app receives, none if it is not called."""
    arriving, received = iter(messages), []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        received.extend([await receive(), await receive()])

    async def receive() -> Message:
        return next(arriving)

    async def send(_message: Message) -> None:
        raise AssertionError("it answers by raising")

    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": [header]}
    scope |= {SCOPE_KEY: Guest(uuid4(), known=known), csrf.SCOPE_KEY: initiator}
    await RequestChecks(app)(scope, receive, send)
    return received


async def test_a_body_arrives_whole_or_not_at_all_and_the_client_stays_audible() -> None:
    sent = [part(b"ab"), part(b""), part(b"cd", more=False), LEFT]
    assert await check(sent) == [part(b"abcd", more=False), LEFT]
    assert await check([part(b"half"), LEFT]) == []
    assert (await check([LEFT], (b"accept", b"*/*"), method="GET"))[0]["body"] == b""


async def test_what_is_refused_is_not_read_further_than_it_takes_to_know() -> None:
    stated = (b"content-length", b"%d" % (MAX_BODY_BYTES + 1))
    for messages, header in (((part(b"x" * 1000) for _ in range(99)), CHUNKED), ((), stated)):
        with pytest.raises(BodyTooLarge):
            await check(messages, header)
    with pytest.raises(CrossOriginRequest):
        await check([], initiator=Initiator.CROSS_SITE)
    for path in ("/api/orders", "/api/orders/"):
        with pytest.raises(GuestRequired):
            await check([], path=path, known=False)
    for method, path in (("GET", "/api/orders"), ("POST", "/orders")):
        assert await check([part(b"{}", more=False), LEFT], method=method, path=path, known=False)
