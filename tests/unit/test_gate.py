"""The gate: bodies are counted as they arrive, and an order needs a guest."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest
from starlette.types import Message, Receive, Scope, Send

from servicekit.problems import BodyTooLarge, GuestRequired
from services.frontend import csrf
from services.frontend.csrf import CrossOriginRequest, Sender
from services.frontend.gate import MAX_BODY_BYTES, RequestGate
from services.frontend.guest import SCOPE_KEY, Guest


class Echo:
    """Reads the body that reaches it."""

    def __init__(self) -> None:
        self.body: bytes | None = None
        self.after: Message = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.body = (await receive()).get("body", b"")
        self.after = await receive()


def pieces(*bodies: bytes, last: bool = True) -> list[Message]:
    messages: list[Message] = [
        {"type": "http.request", "body": body, "more_body": True} for body in bodies
    ]
    if last:
        messages[-1]["more_body"] = False
    return [*messages, {"type": "http.disconnect"}]


async def pass_gate(
    messages: Iterable[Message],
    *headers: tuple[bytes, bytes],
    method: str = "POST",
    path: str = "/cart",
    known: bool = True,
    sender: Sender = Sender.SHOP,
) -> Echo:
    app, arriving = Echo(), iter(messages)

    async def receive() -> Message:
        return next(arriving)

    async def send(_message: Message) -> None:
        raise AssertionError("the gate answers by raising")

    scope: dict[str, Any] = {"type": "http", "method": method, "path": path}
    scope |= {"headers": list(headers), SCOPE_KEY: Guest(uuid4(), known=known)}
    scope[csrf.SCOPE_KEY] = sender
    await RequestGate(app)(scope, receive, send)
    return app


def length(number: int) -> tuple[bytes, bytes]:
    return (b"content-length", str(number).encode())


CHUNKED = (b"transfer-encoding", b"chunked")


async def test_a_body_arrives_whole_and_the_client_stays_audible() -> None:
    app = await pass_gate(pieces(b"ab", b"", b"cd"), CHUNKED)
    assert app.body == b"abcd"
    assert app.after == {"type": "http.disconnect"}


async def test_a_body_of_exactly_the_limit_passes() -> None:
    app = await pass_gate(pieces(b"x" * MAX_BODY_BYTES), length(MAX_BODY_BYTES))
    assert app.body is not None
    assert len(app.body) == MAX_BODY_BYTES


async def test_a_stated_length_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(BodyTooLarge):
        await pass_gate([], length(MAX_BODY_BYTES + 1))


async def test_a_chunked_body_is_counted_as_it_arrives() -> None:
    endless = ({"type": "http.request", "body": b"x" * 1000, "more_body": True} for _ in range(99))
    with pytest.raises(BodyTooLarge):
        await pass_gate(endless, CHUNKED)


async def test_a_client_that_leaves_half_way_reaches_nobody() -> None:
    app = await pass_gate(pieces(b"half", last=False), CHUNKED)
    assert app.body is None


async def test_a_request_without_a_body_is_not_waited_for() -> None:
    app = await pass_gate(pieces(b""), method="GET")
    assert app.body == b""


@pytest.mark.parametrize("path", ["/api/orders", "/api/orders/"])
async def test_an_order_of_a_program_needs_a_guest(path: str) -> None:
    with pytest.raises(GuestRequired) as refusal:
        await pass_gate([], length(2), path=path, known=False)
    assert refusal.value.status == 401
    assert (await pass_gate(pieces(b"{}"), length(2), path=path)).body == b"{}"


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/orders"), ("POST", "/orders")])
async def test_nothing_else_does(method: str, path: str) -> None:
    assert (await pass_gate(pieces(b""), method=method, path=path, known=False)).body == b""


async def test_a_request_of_another_site_is_refused_before_its_body() -> None:
    with pytest.raises(CrossOriginRequest):
        await pass_gate([], length(10**9), sender=Sender.STRANGER)
