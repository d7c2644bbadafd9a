"""What becomes of an exception when no app is left to handle it."""

import json
import logging

import pytest
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from servicekit.http_server.problem_handlers import ProblemMiddleware, problem_from
from servicekit.problems import NotFound, invalid, problem_response

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def test_an_error_behind_the_beginning_of_an_answer_cuts_the_connection() -> None:
    """A second beginning would be taken for a part of the first answer."""
    sent: list[str] = []

    async def begin_and_fail(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ArithmeticError

    async def note(message: Message) -> None:
        sent.append(message["type"])

    guarded = ProblemMiddleware(begin_and_fail)
    with pytest.raises(ArithmeticError):
        await guarded(SCOPE, None, note)  # type: ignore[arg-type]
    assert sent == ["http.response.start"]


async def test_a_client_that_leaves_gets_no_answer_and_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def miss_the_client(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ClientDisconnect

    guarded = ProblemMiddleware(miss_the_client)
    with caplog.at_level(logging.INFO):
        await guarded(SCOPE, None, None)  # type: ignore[arg-type]
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_a_problem_is_kept_by_no_cache() -> None:
    assert problem_response(SCOPE, NotFound("gone")).headers["cache-control"] == "no-store"


def test_a_time_out_of_something_inside_is_504() -> None:
    assert problem_from(TimeoutError("of a socket")).status == 504


def test_a_long_list_of_errors_is_cut() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(list[int]).validate_python(["x"] * 500)
    problem = invalid(caught.value, "not valid")
    answer = json.loads(bytes(problem_response(SCOPE, problem).body))
    assert len(answer["errors"]) == 20


def test_a_problem_keeps_the_headers_of_the_refusal_that_it_tells() -> None:
    problem = problem_from(HTTPException(405, headers={"Allow": "GET"}))
    assert problem_response(SCOPE, problem).headers["allow"] == "GET"
