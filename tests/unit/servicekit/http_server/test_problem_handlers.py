"""What becomes of an exception when no app is left to handle it."""

import asyncio
import json
import logging
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from servicekit.http_server.problem_handlers import problem_from
from servicekit.http_server.request import RequestWrapper
from servicekit.problems import NotFound, invalid, problem_response

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def messages_of(error: BaseException, *, begun: bool) -> list[Message]:
    """What is sent when the app raises this, with the error itself if it goes on."""
    sent: list[Message] = []

    async def fail(_scope: Scope, _receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    async def note(message: Message) -> None:
        sent.append(message)

    nothing: Any = None
    try:
        await RequestWrapper(fail, timeout_seconds=5)(SCOPE, nothing, note)
    except type(error):
        sent.append({"type": "raised"})
    return sent


@pytest.mark.parametrize("error", [ArithmeticError(), NotFound("gone"), asyncio.CancelledError()])
async def test_an_error_behind_the_beginning_of_an_answer_cuts_the_connection(
    error: BaseException,
) -> None:
    """A second beginning would be taken for a part of the first answer."""
    sent = await messages_of(error, begun=True)
    assert [message["type"] for message in sent] == ["http.response.start", "raised"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ArithmeticError(), 500),
        (NotFound("gone"), 404),
        (TimeoutError("of a socket"), 504),
        # Only the server cancels a request, at the end of the time that it leaves it.
        (asyncio.CancelledError(), 503),
    ],
)
async def test_an_error_before_the_answer_is_a_problem(error: BaseException, status: int) -> None:
    start, body = await messages_of(error, begun=False)
    assert start["status"] == json.loads(body["body"])["status"] == status


async def test_a_client_that_leaves_gets_no_answer_and_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        assert await messages_of(ClientDisconnect(), begun=False) == []
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_a_problem_is_kept_by_no_cache_and_keeps_the_headers_of_what_it_stands_for() -> None:
    problem = problem_from(HTTPException(405, headers={"Allow": "GET"}))
    headers = problem_response(SCOPE, problem).headers
    assert (headers["cache-control"], headers["allow"]) == ("no-store", "GET")


def test_a_long_list_of_errors_is_cut() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(list[int]).validate_python(["x"] * 500)
    problem = invalid(caught.value, "not valid")
    answer = json.loads(bytes(problem_response(SCOPE, problem).body))
    assert len(answer["errors"]) == 20
