"""Refusals: pages for people in their language, problem documents for programs."""

import json
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from pydantic import SecretStr

from servicekit.problems import BodyTooLarge, Problem, TooManyRequests
from services.frontend.assets import Assets
from services.frontend.cookies import ShopCookies
from services.frontend.errors import create_problem_renderer
from services.frontend.guest import SCOPE_KEY, Guest
from services.frontend.pages import Pages
from services.frontend.settings import Settings

SETTINGS = Settings(session_secret=SecretStr("s" * 40))
RENDER = create_problem_renderer(
    Pages(SETTINGS, Assets(), ShopCookies(SETTINGS.session_secrets, SETTINGS.cookie_style))
)
STATUSES = (400, 401, 403, 404, 405, 413, 415, 422, 429, 431, 500, 502, 503, 504)


def scope(path: str, *, language: str = "id", method: str = "GET") -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"a=1&lang=" + language.encode(),
        "headers": [],
        SCOPE_KEY: Guest(uuid4(), known=False),
    }


def problem_of(code: int) -> Problem:
    class Scripted(Problem):
        status: ClassVar[int] = code

    return Scripted("a detail for programs")


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_a_page_in_both_languages(status: int, language: str) -> None:
    answer = RENDER(scope("/somewhere", language=language), problem_of(status))
    page = bytes(answer.body).decode()
    assert answer.status_code == status
    assert f'<html lang="{language}">' in page
    assert f"{status}</p>" in page
    assert "a detail for programs" not in page
    assert ('href="/somewhere?a=1"' in page) is (status in {429, 500, 502, 503, 504})


def test_a_status_without_words_of_its_own_is_shown_as_our_mistake() -> None:
    answer = RENDER(scope("/"), problem_of(418))
    assert answer.status_code == 418
    assert "kesalahan kami" in bytes(answer.body).decode()


def test_an_unexpected_error_says_nothing_about_its_cause() -> None:
    answer = RENDER(scope("/"), Problem("Traceback: secret"))
    assert answer.status_code == 500
    assert b"secret" not in bytes(answer.body)


@pytest.mark.parametrize("path", ["/api", "/api/orders", "/healthz", "/readyz"])
def test_programs_get_a_problem_document(path: str) -> None:
    answer = RENDER(scope(path), BodyTooLarge("too large"))
    assert answer.media_type == "application/problem+json"
    document = json.loads(bytes(answer.body))
    assert (document["status"], document["instance"]) == (413, path)


@pytest.mark.parametrize("path", ["/apitude", "/", "/orders"])
def test_people_get_a_page(path: str) -> None:
    assert RENDER(scope(path), BodyTooLarge("too large")).media_type == "text/html"


def test_headers_of_the_refusal_stay() -> None:
    answer = RENDER(scope("/"), TooManyRequests("slowly", headers={"Retry-After": "3"}))
    assert answer.headers["retry-after"] == "3"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/\u202e<script>", "//evil.example", "/%", '/"onload="x', "/\x00\r\n", "/\ud800"]
)
def test_a_hostile_path_is_harmless_on_the_page_that_refuses_it(path: str) -> None:
    page = bytes(RENDER(scope(path), problem_of(503)).body).decode()
    assert "<script>" not in page
    assert 'href="//evil' not in page
    assert '"onload' not in page
