"""Refusals: pages for people in their language, problem documents for programs."""

import json
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from pydantic import SecretStr
from starlette.responses import Response

from servicekit.problems import BodyTooLarge, Problem, TooManyRequests
from services.frontend.errors import create_problem_renderer
from services.frontend.guest import SCOPE_KEY, Guest
from services.frontend.resources import create_site
from services.frontend.settings import Settings

RENDER = create_problem_renderer(create_site(Settings(session_secret=SecretStr("s" * 40))).pages)
STATUSES = (400, 401, 403, 404, 405, 413, 415, 422, 429, 431, 500, 502, 503, 504)


def render(path: str, problem: Problem, language: str = "id") -> Response:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"a=1&lang=" + language.encode(),
        "headers": [],
        SCOPE_KEY: Guest(uuid4(), known=False),
    }
    return RENDER(scope, problem)


def problem_of(code: int) -> Problem:
    class Scripted(Problem):
        status: ClassVar[int] = code

    return Scripted("a detail for programs")


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("status", [*STATUSES, 418])
def test_every_status_has_a_page_in_both_languages(status: int, language: str) -> None:
    answer = render("/somewhere", problem_of(status), language)
    page = bytes(answer.body).decode()
    assert answer.status_code == status
    assert f'<html lang="{language}">' in page
    assert f"{status}</p>" in page
    assert "a detail for programs" not in page
    assert ('href="/somewhere?a=1"' in page) is (status in {429, 500, 502, 503, 504})
    # A status without words of its own is shown as our mistake.
    ours = {"id": "kesalahan kami", "en": "our mistake"}[language]
    assert (ours in page) is (status in {418, 500})


@pytest.mark.parametrize("path", ["/api", "/api/orders", "/healthz", "/readyz"])
def test_programs_get_a_problem_document(path: str) -> None:
    answer = render(path, BodyTooLarge("too large"))
    assert answer.media_type == "application/problem+json"
    document = json.loads(bytes(answer.body))
    assert (document["status"], document["instance"]) == (413, path)


@pytest.mark.parametrize("path", ["/apitude", "/", "/orders"])
def test_people_get_a_page_and_headers_of_the_refusal_stay(path: str) -> None:
    answer = render(path, TooManyRequests("slowly", headers={"Retry-After": "3"}))
    assert answer.media_type == "text/html"
    assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("3", "no-store")


@pytest.mark.parametrize(
    "path", ["/\u202e<script>", "//evil.example", "/%", '/"onload="x', "/\x00\r\n", "/\ud800"]
)
def test_a_hostile_path_is_harmless_on_the_page_that_refuses_it(path: str) -> None:
    page = bytes(render(path, problem_of(503)).body).decode()
    assert "<script>" not in page
    assert 'href="//evil' not in page
    assert '"onload' not in page
