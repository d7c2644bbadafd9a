"""A body is read whole or not at all, and never further than its limit."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.types import Message

from servicekit.http_server.body import read_body
from servicekit.problems import BadRequest, BodyTooLarge

CHUNKED = (b"transfer-encoding", b"chunked")
LEAVES: Message = {"type": "http.disconnect"}


def part(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def length(number: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % number


@pytest.mark.parametrize(
    ("header", "messages", "expected"),
    [
        (CHUNKED, [part(b"ab", more=True), part(b"c", more=False)], b"abc"),
        (length(3), [part(b"abc", more=False)], b"abc"),
        # Nothing is waited for, since nothing comes.
        (None, [], b""),
        (length(0), [], b""),
        # Refused before, or as soon as, it is longer than 3.
        (length(4), [], BodyTooLarge),
        (CHUNKED, [part(b"ab", more=True), part(b"cd", more=True)], BodyTooLarge),
        (CHUNKED, [part(b"abcd", more=False)], BodyTooLarge),
        (CHUNKED, [part(b"ab", more=True), LEAVES], None),
        (length(3), [LEAVES], None),
    ],
)
async def test_a_body_is_read_whole_or_refused_as_soon_as_it_is_too_long(
    header: tuple[bytes, bytes] | None,
    messages: Sequence[Message],
    expected: bytes | type[BodyTooLarge] | None,
) -> None:
    left = list(messages)

    async def receive() -> Message:
        assert left, "asked for more than was sent"
        return left.pop(0)

    scope = {"type": "http", "headers": [header] if header else []}
    if expected is BodyTooLarge:
        with pytest.raises(BodyTooLarge, match="3 bytes"):
            await read_body(scope, receive, 3)
    else:
        assert await read_body(scope, receive, 3) == expected
    assert left == []


async def test_a_body_that_does_not_come_is_refused_in_time() -> None:
    """However often a byte of it comes."""

    async def receive() -> Message:
        await asyncio.sleep(0.01)
        return part(b"a", more=True)

    with pytest.raises(BadRequest, match=r"within 0\.05 s"):
        await read_body({"headers": [length(1000)]}, receive, seconds=0.05)
