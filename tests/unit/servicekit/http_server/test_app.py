"""Every refusal of a service, by what it is built from."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from servicekit.http_server.app import create_service_app
from servicekit.problems import (
    MEDIA_TYPE,
    BadGateway,
    BadRequest,
    DeadlinePassed,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
)
from servicekit.settings import ServiceSettings
from tests.asgi import calling


class Settings(ServiceSettings):
    service_name = "test"
    port: int = 1
    request_timeout_seconds: float = 0.2


async def open_nothing(_app: object, _stack: object) -> None:
    pass


@pytest.fixture
def app() -> FastAPI:
    app = create_service_app(Settings(), open_resources=open_nothing)

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError("a secret: 12345")

    @app.get("/refuses")
    async def refuses() -> None:
        raise ServiceUnavailable("later", retry_after_seconds=7)

    @app.post("/orders")
    async def refuse_order(status: int) -> None:
        kinds = (BadRequest, TooManyRequests, BadGateway, ServiceUnavailable, DeadlinePassed)
        (kind,) = [kind for kind in kinds if kind.status == status]
        raise kind("later")

    @app.get("/needs")
    async def needs(number: int) -> int:
        return number

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.Event().wait()

    async def pure_asgi(_scope: object, _receive: object, _send: object) -> None:
        raise NotFound("no such thing")

    app.mount("/mounted", pure_asgi)
    return app


@pytest.fixture
def client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/fails", 500, "internal-error"),
        ("GET", "/refuses", 503, "service-unavailable"),
        ("GET", "/needs?number=sari@example.com", 422, "unprocessable"),
        ("GET", "/nowhere", 404, "not-found"),
        ("POST", "/refuses", 405, "method-not-allowed"),
        ("GET", "/mounted/x", 404, "not-found"),
        ("GET", "/slow", 504, "deadline-passed"),
    ],
)
async def test_every_refusal_is_a_problem_with_its_trace_and_nothing_secret(
    client: httpx.AsyncClient,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    status: int,
    slug: str,
) -> None:
    answer = await client.request(method, path)
    document = answer.json()
    assert answer.status_code == document["status"] == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert document["type"] == f"urn:arloji:problem:{slug}"
    assert set(document) >= {"type", "title", "status", "detail", "instance", "trace_id"}
    assert answer.headers["traceresponse"].split("-")[1] == document["trace_id"]
    assert "12345" not in answer.text
    assert ("12345" in caplog.text) is (status == 500)
    assert "sari@example.com" not in answer.text
    assert [error["field"] for error in document.get("errors", [])] == ["query.number"] * (
        status == 422
    )
    assert answer.headers.get("retry-after") == ("7" if status == 503 else None)


async def test_the_callers_budget_shortens_the_deadline(client: httpx.AsyncClient) -> None:
    answer = await client.get("/slow", headers={"X-Arloji-Timeout-Ms": "10"})
    assert answer.status_code == 504
    assert "0.0 s" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "key", "said"),
    [
        *(("POST", f"/orders?status={status}", "k", True) for status in (429, 502, 503, 504)),
        ("POST", "/orders?status=400", "k", False),
        ("POST", "/orders?status=503", None, False),
        ("GET", "/refuses", None, False),
        ("GET", "/refuses", "k", False),
        ("GET", "/slow", None, False),
    ],
)
async def test_only_who_sent_a_key_is_told_that_the_same_one_is_safe(
    client: httpx.AsyncClient, method: str, path: str, key: str | None, said: bool
) -> None:
    headers = {"Idempotency-Key": key} if key else {}
    detail = (await client.request(method, path, headers=headers)).json()["detail"]
    assert detail.count("the same Idempotency-Key is safe") == int(said)


@pytest.mark.parametrize(
    ("listens_on", "inner", "asked_for", "status"),
    [
        *(("127.0.0.1", True, name, 404) for name in ("127.0.0.1:8081", "localhost", "[::1]:1")),
        # A page elsewhere may point its own name at 127.0.0.1.
        ("127.0.0.1", True, "evil.example", 421),
        ("127.0.0.1", False, "shop.example", 404),
        ("0.0.0.0", True, "api-gw", 404),
    ],
)
async def test_an_inner_service_on_loopback_answers_to_loopback_names_only(
    listens_on: str, inner: bool, asked_for: str, status: int
) -> None:
    app = create_service_app(
        Settings(host=listens_on),
        open_resources=open_nothing,
        inner=inner,
    )
    async with calling(app) as client:
        answer = await client.get("/nowhere", headers={"Host": asked_for})
    assert answer.json()["status"] == status


async def test_a_middleware_that_cannot_be_built_is_an_error_of_the_start() -> None:
    app = create_service_app(Settings(), open_resources=open_nothing)

    def broken(_app: object) -> None:
        raise ArithmeticError

    app.add_middleware(broken)  # type: ignore[arg-type]
    with pytest.raises(ArithmeticError):
        async with app.lifespan():
            pass


async def test_head_is_answered_where_get_is(client: httpx.AsyncClient) -> None:
    assert (await client.head("/needs?number=1")).status_code == 200


async def test_the_api_is_described_by_the_gateway_alone(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).status_code == 404
