"""Checks before any handler: bodies are counted as they arrive, and an order needs a guest."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest
from starlette.types import Message, Receive, Scope, Send

from servicekit.http_server.body import MAX_BODY_BYTES
from servicekit.problems import BodyTooLarge, GuestRequired
from services.frontend import csrf
from services.frontend.csrf import CrossOriginRequest, Initiator
from services.frontend.guest import SCOPE_KEY, Guest
from services.frontend.request_checks import RequestChecks

LEFT: Message = {"type": "http.disconnect"}
CHUNKED = (b"transfer-encoding", b"chunked")


def length(number: int) -> tuple[bytes, bytes]:
    return (b"content-length", str(number).encode())


def pieces(*bodies: bytes, last: bool = True) -> list[Message]:
    messages: list[Message] = [
        {"type": "http.request", "body": body, "more_body": True} for body in bodies
    ]
    if last:
        messages[-1]["more_body"] = False
    return [*messages, LEFT]


async def check(
    messages: Iterable[Message],
    *headers: tuple[bytes, bytes],
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

    scope: dict[str, Any] = {"type": "http", "method": method, "path": path}
    scope |= {"headers": list(headers), SCOPE_KEY: Guest(uuid4(), known=known)}
    await RequestChecks(app)({**scope, csrf.SCOPE_KEY: initiator}, receive, send)
    return received


async def test_a_body_arrives_whole_and_the_client_stays_audible() -> None:
    body, after = await check(pieces(b"ab", b"", b"cd"), CHUNKED)
    assert (body["body"], body["more_body"], after) == (b"abcd", False, LEFT)
    largest = b"x" * MAX_BODY_BYTES
    assert (await check(pieces(largest), length(len(largest))))[0]["body"] == largest


async def test_a_request_without_a_body_is_not_waited_for() -> None:
    assert (await check([LEFT], method="GET"))[0]["body"] == b""


async def test_a_client_that_leaves_half_way_reaches_nobody() -> None:
    assert await check(pieces(b"half", last=False), CHUNKED) == []


async def test_what_is_refused_is_not_read_further_than_it_takes_to_know() -> None:
    endless = ({"type": "http.request", "body": b"x" * 1000, "more_body": True} for _ in range(99))
    with pytest.raises(BodyTooLarge):
        await check(endless, CHUNKED)
    with pytest.raises(BodyTooLarge):
        await check([], length(MAX_BODY_BYTES + 1))
    with pytest.raises(CrossOriginRequest):
        await check([], length(10**9), initiator=Initiator.CROSS_SITE)


@pytest.mark.parametrize(
    ("method", "path", "refused"),
    [
        *(("POST", path, True) for path in ("/api/orders", "/api/orders/")),
        *(("GET", "/api/orders", False), ("POST", "/orders", False)),
    ],
)
async def test_an_order_of_a_program_needs_a_guest(method: str, path: str, refused: bool) -> None:
    if refused:
        with pytest.raises(GuestRequired):
            await check([], length(2), method=method, path=path, known=False)
    else:
        assert await check(pieces(b"{}"), length(2), method=method, path=path, known=False)
    assert await check(pieces(b"{}"), length(2), method=method, path=path)
