"""What the client of `make pressure` says of each answer, and of none."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from benchmarks.pressure import client as module
from benchmarks.pressure.client import Client, Try
from benchmarks.pressure.generator import Generator
from benchmarks.pressure.mix import Ask, Mix
from benchmarks.pressure.orders import Books
from benchmarks.pressure.samples import Outcome, Sample
from loadtest.answers import Watch
from local.free_port import free_port
from tests.scripted import SILENCE, Answer, ScriptedServer, closes, ok, scripted

pytestmark = pytest.mark.integration

RAW = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
RETRY = "Retry-After: 1"
ADMITTED, SHED, BROKEN = Outcome.ADMITTED, Outcome.SHED, Outcome.BROKEN


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted() as one:
        yield one


def address(server: ScriptedServer) -> tuple[str, int]:
    return "127.0.0.1", int(server.url.rpartition(":")[2])


async def ask(client: Client, planned: float | None = None) -> Sample:
    answer: asyncio.Future[Sample] = asyncio.get_running_loop().create_future()
    moment = time.monotonic() if planned is None else planned
    client.send(Try(Ask("product", RAW), moment, lambda _, sample: answer.set_result(sample)))
    return await asyncio.wait_for(answer, 20)


def refusal(status: str, *headers: str) -> Answer:
    return ok(b"", *headers, status=status)


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([ok()], ADMITTED),
        ([refusal("503 Sorry", RETRY)], SHED),
        ([refusal("429 Sorry", RETRY)], SHED),
        ([refusal("503 Sorry")], BROKEN),
        ([refusal("500 Sorry", RETRY)], BROKEN),
        ([refusal("404 Sorry")], BROKEN),
        ([refusal("504 Sorry")], Outcome.FAILED),
        ([refusal("502 Sorry")], Outcome.FAILED),
        ([closes()], Outcome.UNSENT),
        ([closes(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")], BROKEN),
        ([closes(b"nonsense\r\n\r\n")], BROKEN),
        ([SILENCE], Outcome.LEFT),
    ],
)
async def test_every_end_of_a_request_has_its_name(
    server: ScriptedServer,
    answers: list[Answer],
    outcome: Outcome,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LEAVE_SECONDS", 0.3)
    server.script.extend(answers)
    client = Client(address(server), most=10)
    assert (await ask(client)).outcome is outcome
    await client.close()


async def test_a_connection_that_was_closed_meanwhile_costs_no_failure(
    server: ScriptedServer,
) -> None:
    client = Client(address(server), most=10)
    server.script.extend([ok(), closes(), ok()])
    assert (await ask(client)).outcome is ADMITTED
    assert (await ask(client)).outcome is ADMITTED
    assert len(server.received) == 3
    await client.close()


async def test_time_counts_from_when_it_was_planned_and_too_many_are_not_sent(
    server: ScriptedServer,
) -> None:
    client = Client(address(server), most=1)
    late = await ask(client, time.monotonic() - 2)
    assert late.seconds > 2
    assert late.lag > 2
    server.otherwise = SILENCE
    waiting = asyncio.create_task(ask(client))
    await asyncio.sleep(0)
    assert (await ask(client)).outcome is Outcome.UNSENT
    await client.close()
    assert (await waiting).outcome is Outcome.LEFT


async def test_nobody_there_is_told_as_that() -> None:
    client = Client(("127.0.0.1", free_port()), most=10)
    assert (await ask(client)).outcome is Outcome.UNSENT
    await client.close()


async def test_an_order_that_was_accepted_is_looked_at_by_its_guest(server: ScriptedServer) -> None:
    mix = Mix(server.url.removeprefix("http://"), [Watch(1, "a-1", "Seiko", 100)], seed=1)
    mix.meet("guest=1")
    server.otherwise = ok(b'{"order_id": "7"}', status="202 Accepted")
    generator = Generator(server.url, mix, Books(None))
    samples = await generator.saturate(1, 0.01, {"order": 1})
    assert samples[0].status == 202
    looked = mix.next("p", "order status")
    assert looked.raw.startswith(b"GET /api/orders/7 HTTP/1.1\r\n")
    assert b"\r\nCookie: guest=1\r\n" in looked.raw
    await generator.close()
