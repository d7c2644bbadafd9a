"""What the gateway's clients are told when a service fails, and what is tried again."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from servicekit.http_client.session import MAX_HEADER_BYTES
from servicekit.http_server.app import ServiceApp
from services.api_gw import limits
from services.api_gw.app import create_app
from services.api_gw.settings import Settings
from services.api_gw.table import TABLE, Service, routes_by_path
from tests.asgi import running
from tests.naming import system_names
from tests.scripted import SILENCE, Answer, ScriptedServer, closes, connect, ok, resets
from tests.servers import free_port

PRODUCTS = "/api/products"
KEY = {"Idempotency-Key": "k-1"}


def assert_problem(answer: httpx.Response, status: int, slug: str) -> None:
    document = answer.json()
    assert (answer.status_code, document["type"]) == (status, f"urn:arloji:problem:{slug}")
    assert document["status"] == status
    assert document["instance"] == answer.request.url.path
    assert document["trace_id"] == answer.headers["traceresponse"].split("-")[1]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert ("retry-after" in answer.headers) == (status == 503)


@pytest.mark.parametrize(
    "broken",
    [
        closes(),
        resets(),
        closes(b"HTTP/1.1 200 OK\r\nContent-Le"),
        closes(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        resets(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        closes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        closes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        closes(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
        closes(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx"),
        closes(b"SSH-2.0-OpenSSH_9.6\r\n"),
        closes(b"\x00\x01\x02\x03"),
        closes(b"HTTP/1.1 999999 What\r\n\r\n"),
        closes(b"HTTP/1.1 100 Continue\r\n\r\n"),
        closes(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
        Answer(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * MAX_HEADER_BYTES * 2 + b"\r\n\r\n"),
        Answer(b"HTTP/1.1 200 OK\r\n" + b"X-Many: x\r\n" * 500 + b"\r\n"),
        ok(b"<h1>oops</h1>", "Content-Type: text/html", status="500 Internal Server Error"),
        ok(b"{}", "Content-Type: application/problem+json", status="500 Internal Server Error"),
        ok(b"", status="502 Bad Gateway"),
    ],
    ids=lambda answer: f"{answer.then} after {answer.raw[:70]!r}",
)
async def test_a_broken_answer_is_a_502(
    client: httpx.AsyncClient, reads: ScriptedServer, broken: Answer
) -> None:
    reads.otherwise = broken
    assert_problem(await client.get(PRODUCTS), 502, "bad-gateway")
    reads.otherwise = ok()
    assert (await client.get(PRODUCTS)).status_code == 200


@pytest.mark.parametrize("more_settings", [{"service_http_url": f"http://127.0.0.1:{free_port()}"}])
async def test_a_service_that_is_not_there_is_a_502_whose_reason_only_the_log_tells(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.get(PRODUCTS)
    assert_problem(answer, 502, "bad-gateway")
    assert "127.0.0.1" not in answer.text
    assert "Cannot connect to host 127.0.0.1" in caplog.text


@pytest.mark.parametrize("more_settings", [{"service_http_url": "http://nobody.invalid"}])
async def test_a_name_that_nobody_has_is_a_502(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get(PRODUCTS), 502, "bad-gateway")


async def test_a_publisher_whose_name_hangs_costs_orders_only(
    reads: ScriptedServer,
) -> None:
    """As after `docker stop`: the name is then not answered for, ten seconds a look-up. The reads
    are more than one pool holds idle, so that they need look-ups, too."""
    reads.otherwise = ok(b"{}", "Connection: close")
    with system_names() as system:
        system.addresses["reads.test"] = ["127.0.0.1"]
        system.hang("orders.test")
        settings = Settings(
            service_http_url=reads.url.replace("127.0.0.1", "reads.test"),
            publisher_url="http://orders.test:8083",
        )
        async with running(create_app(settings)) as client:
            began = asyncio.get_running_loop().time()
            orders = [client.post("/api/orders", headers=KEY, json={}) for _ in range(20)]
            pages = [client.get(PRODUCTS) for _ in range(40)]
            answers = await asyncio.gather(*orders, *pages)
            taken = asyncio.get_running_loop().time() - began
    for answer in answers[:20]:
        assert_problem(answer, 503, "service-unavailable")
    assert [answer.status_code for answer in answers[20:]] == [200] * 40
    assert taken < 5


async def test_a_service_that_was_there_and_lost_its_name_is_a_503_at_once(
    orders: ScriptedServer,
) -> None:
    """Its last address is tried for as long as it answers, and then left alone."""
    orders.otherwise = ok(b"{}", "Connection: close")
    with system_names() as system:
        system.addresses["lost.test"] = ["127.0.0.1"]
        url = orders.url.replace("127.0.0.1", "lost.test")
        async with running(create_app(Settings(publisher_url=url))) as client:
            assert (await client.post("/api/orders", headers=KEY)).status_code == 200
            system.addresses["lost.test"] = []
            assert (await client.post("/api/orders", headers=KEY)).status_code == 200
            await orders.stop_listening()
            for _ in range(3):
                answer = await client.post("/api/orders", headers=KEY)
                assert_problem(answer, 503, "service-unavailable")


async def test_a_services_own_503_passes_with_its_own_time(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    fields = ("Content-Type: application/problem+json", "Retry-After: 7")
    reads.otherwise = ok(b'{"detail": "mine"}', *fields, status="503 Service Unavailable")
    answer = await client.get(PRODUCTS)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json() == {"detail": "mine"}


@pytest.mark.parametrize(
    ("status", "slug"), [(503, "service-unavailable"), (504, "deadline-passed")]
)
async def test_a_failure_that_explains_nothing_is_explained_here(
    client: httpx.AsyncClient, reads: ScriptedServer, status: int, slug: str
) -> None:
    reads.otherwise = ok(b"", "Content-Type: text/plain", status=f"{status} Sorry")
    assert_problem(await client.get(PRODUCTS), status, slug)


async def test_silence_ends_with_the_callers_deadline(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    reads.otherwise = SILENCE
    answer = await client.get(PRODUCTS, headers={"X-Arloji-Timeout-Ms": "100"})
    assert_problem(answer, 504, "deadline-passed")


async def test_silence_in_the_middle_of_an_answer_does_too(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    reads.otherwise = Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", then="wait")
    answer = await client.get(PRODUCTS, headers={"X-Arloji-Timeout-Ms": "100"})
    assert_problem(answer, 504, "deadline-passed")


async def test_a_route_waits_no_longer_than_its_own_limit(
    reads: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = routes_by_path(tuple(replace(route, timeout_seconds=1) for route in TABLE))
    monkeypatch.setattr("services.api_gw.routes.routes_by_path", lambda: impatient)
    reads.otherwise = SILENCE
    async with running(create_app(Settings(service_http_url=reads.url))) as client:
        answer = await client.get(PRODUCTS, headers={"X-Arloji-Timeout-Ms": "60000"})
    assert_problem(answer, 504, "deadline-passed")
    assert "1.0 s" in answer.json()["detail"]
    assert int(reads.received[0].values("x-arloji-timeout-ms")[0]) <= 1000


async def test_a_large_answer_that_breaks_is_cut_and_never_looks_whole(
    tcp_client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    reads.otherwise = closes(b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + b"x" * 200_000)
    with pytest.raises(httpx.RemoteProtocolError):
        await tcp_client.get(PRODUCTS)


# What is sent a second time -------------------------------------------------------------------


@pytest.mark.parametrize("broken", [closes(), resets()], ids=["closed", "reset"])
async def test_a_read_that_broke_before_its_answer_is_sent_once_more(
    client: httpx.AsyncClient, reads: ScriptedServer, broken: Answer
) -> None:
    reads.script.append(broken)
    assert (await client.get(PRODUCTS)).status_code == 200
    assert len(reads.received) == 2


async def test_a_read_is_sent_twice_and_never_three_times(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    """aiohttp repeats idempotent requests on its own; the total must stay two, also on a
    connection that had been used."""
    await client.get(PRODUCTS)
    reads.received.clear()
    reads.otherwise = closes()
    assert_problem(await client.get(PRODUCTS), 502, "bad-gateway")
    assert len(reads.received) == 2


async def test_an_order_with_a_key_is_sent_once_more(
    client: httpx.AsyncClient, orders: ScriptedServer
) -> None:
    orders.script.append(closes())
    answer = await client.post("/api/orders", content=b'{"a": 1}', headers=KEY)
    assert answer.status_code == 200
    assert [request.body for request in orders.received] == [b'{"a": 1}'] * 2
    assert [request.values("idempotency-key") for request in orders.received] == [["k-1"]] * 2


@pytest.mark.parametrize("used_before", [False, True])
async def test_an_order_without_a_key_is_sent_once(
    client: httpx.AsyncClient, orders: ScriptedServer, used_before: bool
) -> None:
    if used_before:
        await client.post("/api/orders")
    orders.received.clear()
    orders.otherwise = closes()
    assert_problem(await client.post("/api/orders", content=b"{}"), 502, "bad-gateway")
    assert len(orders.received) == 1


@pytest.mark.parametrize(
    "begun", [b"H", b"\r\n", b"HTTP/1.1 2", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK"]
)
@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("used_before", [False, True])
async def test_an_answer_that_has_begun_is_never_asked_for_again(
    client: httpx.AsyncClient, reads: ScriptedServer, begun: bytes, then: str, used_before: bool
) -> None:
    if used_before:
        await client.get(PRODUCTS)
    reads.received.clear()
    reads.otherwise = Answer(begun, then)
    assert (await client.get(PRODUCTS)).status_code == 502
    assert len(reads.received) == 1


@pytest.mark.parametrize("status", [408, 421, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("used_before", [False, True])
async def test_an_answer_is_never_asked_for_again_whatever_it_says(
    client: httpx.AsyncClient,
    reads: ScriptedServer,
    orders: ScriptedServer,
    status: int,
    used_before: bool,
) -> None:
    """Whoever answers has had the request; with a key, too, a second one may be a second order."""
    if used_before:
        await client.get(PRODUCTS)
        await client.post("/api/orders", headers=KEY)
    for upstream in (reads, orders):
        upstream.received.clear()
        upstream.otherwise = ok(b"", status=f"{status} Sorry")
    for answer in (await client.get(PRODUCTS), await client.post("/api/orders", headers=KEY)):
        assert answer.status_code == (502 if status == 500 else status)
    assert (len(reads.received), len(orders.received)) == (1, 1)


@pytest.mark.parametrize("milliseconds", ["0", "1"])
async def test_without_time_nothing_is_sent_at_all(
    client: httpx.AsyncClient, reads: ScriptedServer, orders: ScriptedServer, milliseconds: str
) -> None:
    headers = {"X-Arloji-Timeout-Ms": milliseconds}
    # Connections that are there already need no time.
    await client.get(PRODUCTS)
    await client.post("/api/orders", headers=KEY)
    for upstream in (reads, orders):
        upstream.received.clear()
        upstream.otherwise = SILENCE
    for answer in (
        await client.get(PRODUCTS, headers=headers),
        await client.post("/api/orders", headers=KEY | headers),
    ):
        assert_problem(answer, 504, "deadline-passed")
    if milliseconds == "0":
        assert reads.received == orders.received == []


async def test_a_second_try_needs_time_as_well(
    client: httpx.AsyncClient, orders: ScriptedServer
) -> None:
    """The first one breaks as the time is up."""
    orders.otherwise = SILENCE
    sent = asyncio.create_task(
        client.post("/api/orders", headers=KEY | {"X-Arloji-Timeout-Ms": "200"})
    )
    assert_problem(await sent, 504, "deadline-passed")
    orders.drop_connections()
    orders.otherwise = ok()
    assert (await client.post("/api/orders", headers={"Idempotency-Key": "k-2"})).is_success
    assert [one.values("idempotency-key") for one in orders.received] == [["k-1"], ["k-2"]]


async def test_second_tries_have_a_budget(
    client: httpx.AsyncClient, reads: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upstream that always breaks sees some second tries, then one for each ten requests."""
    monkeypatch.setattr(limits, "_RETRIES_PER_SECOND", 0)
    reads.otherwise = closes()
    for _ in range(45):
        await client.get(PRODUCTS)
    assert len(reads.received) == 45 + 10 + 4


async def test_the_second_try_tells_the_time_that_is_left_by_then(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    reads.script.append(closes())
    await client.get(PRODUCTS)
    first, second = (int(one.values("x-arloji-timeout-ms")[0]) for one in reads.received)
    assert second <= first


# What is not passed on ------------------------------------------------------------------------


@pytest.mark.parametrize("more_settings", [{"max_in_flight": 1}])
async def test_more_than_the_limit_under_way_is_shed_at_once(
    gateway: ServiceApp, client: httpx.AsyncClient, reads: ScriptedServer, orders: ScriptedServer
) -> None:
    reads.script.append(SILENCE)
    async with asyncio.timeout(30):
        waiting = asyncio.create_task(client.get(PRODUCTS))
        while not reads.received:
            await asyncio.sleep(0.01)
        shed = await client.get("/api/brands")
        assert_problem(shed, 503, "service-unavailable")
        assert len(reads.received) == 1
        # Whether the service lives can be asked all the same.
        await gateway.state.gateway.check_alive(Service.HTTP)
        # The other service has a limit of its own.
        assert (await client.post("/api/orders")).status_code == 200
        reads.drop_connections()  # the one that waits is sent again
        assert (await waiting).status_code == 200
    assert (await client.get("/api/brands")).status_code == 200
    assert len(orders.received) == 1


@pytest.mark.parametrize("more_settings", [{"guest_order_rate": 0.2}])
async def test_one_guests_orders_are_limited_and_anothers_are_not(
    client: httpx.AsyncClient, orders: ScriptedServer
) -> None:
    guests = [f"11111111-2222-4333-8444-55555555555{number}" for number in range(2)]

    async def order(guest: str) -> httpx.Response:
        return await client.post("/api/orders", headers={"X-Arloji-Guest": guest})

    assert (await order(guests[0])).status_code == 200
    refused = await order(guests[0])
    assert refused.status_code == 429
    assert refused.json()["type"] == "urn:arloji:problem:too-many-requests"
    assert 0 < int(refused.headers["retry-after"]) <= 5
    assert (await order(guests[1])).status_code == 200
    reading = await client.get("/api/orders", headers={"X-Arloji-Guest": guests[0]})
    assert reading.status_code == 200
    assert len(orders.received) == 2


async def test_who_comes_back_when_told_to_is_not_too_early(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits.GuestRate, "seconds_to_wait", lambda *_: 0.2)
    guest = {"X-Arloji-Guest": "11111111-2222-4333-8444-555555555555"}
    answer = await client.post("/api/orders", headers=guest)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


async def test_a_client_that_leaves_does_not_disturb_the_next(
    tcp_client: httpx.AsyncClient, url: str, reads: ScriptedServer
) -> None:
    """Answers never reach another request, even if connections are shared."""
    reads.script.extend([SILENCE, ok(b'"mine"')])
    _, writer = await connect(url)
    writer.write(b"GET /api/products HTTP/1.1\r\nHost: x\r\nX-Arloji-Timeout-Ms: 300\r\n\r\n")
    async with asyncio.timeout(30):
        while not reads.received:
            await asyncio.sleep(0.01)
    writer.close()
    answer = await tcp_client.get("/api/brands")
    assert answer.text == '"mine"'
    assert [request.target for request in reads.received] == [PRODUCTS, "/api/brands"]
