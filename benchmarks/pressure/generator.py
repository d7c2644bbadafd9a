"""Sends the mix at a constant rate whatever the answers are (open loop), or as fast as answers come
(closed loop, to find the capacity)."""

import asyncio
import json
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from benchmarks.pressure.client import Client, Try
from benchmarks.pressure.mix import Ask, Mix
from benchmarks.pressure.orders import Books, Order
from benchmarks.pressure.samples import Outcome, Sample

# More would only find out how many files may be open.
MOST_CONNECTIONS = 3000
MOST_PER_SECOND = 5000.0
_TICK_SECONDS = 0.002
# After a refusal, in the closed loop.
_BACK_OFF_SECONDS = 0.1
_REPEATS_AT_ONCE = 20
_REPEAT_TRIES = 15


class Generator:
    def __init__(self, url: str, mix: Mix, books: Books) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        self._client = Client((parts.hostname, parts.port), MOST_CONNECTIONS)
        self._mix, self._books = mix, books
        self.samples: list[Sample] = []

    async def close(self) -> None:
        await self._client.close()

    async def make_guests(self, count: int) -> None:
        """Before anything is measured."""
        while len(self._mix.fresh) < count:
            await asyncio.gather(*(self._ask(self._mix.next("", "product")) for _ in range(20)))

    async def offer(self, rate: float, seconds: float, phase: str) -> None:
        """Returns when the last request was due, however many are under way."""
        began, sent = time.monotonic(), 0
        count = int(min(rate, MOST_PER_SECOND) * seconds)
        while sent < count:
            due = min(count, int((time.monotonic() - began) * rate) + 1)
            for number in range(sent, due):
                self._send(self._mix.next(phase), began + number / rate)
            sent = due
            await asyncio.sleep(max(_TICK_SECONDS, began + sent / rate - time.monotonic()))

    async def saturate(
        self, connections: int, seconds: float, shares: Mapping[str, float]
    ) -> list[Sample]:
        """Each of `connections` asks as soon as it was answered, for kinds in these shares."""
        until, found = time.monotonic() + seconds, list[Sample]()

        async def visit() -> None:
            while time.monotonic() < until:
                found.append(await self._ask(self._mix.next("", shares=shares)))
                if found[-1].outcome is not Outcome.ADMITTED:
                    await asyncio.sleep(_BACK_OFF_SECONDS)

        await asyncio.gather(*(visit() for _ in range(connections)))
        return found

    async def answers(self) -> None:
        """Returns once nothing is under way any more."""
        await self._client.quiet()

    async def repeat(self, orders: list[Order]) -> None:
        """The same keys again, until each is accepted or refused for good."""
        turns = asyncio.Semaphore(_REPEATS_AT_ONCE)

        async def one(order: Order) -> None:
            async with turns:
                for _ in range(_REPEAT_TRIES):
                    found = await self._ask(Ask("repeat", order.raw, order))
                    if found.status == 202 or 400 <= found.status < 429:
                        return
                    await asyncio.sleep(1)

        await asyncio.gather(*map(one, orders))

    async def _ask(self, ask: Ask) -> Sample:
        answer: asyncio.Future[Sample] = asyncio.get_running_loop().create_future()

        def ended(one: Try, sample: Sample) -> None:
            self._note(one, sample)
            if not answer.done():
                answer.set_result(sample)

        if ask.order is not None and ask.kind == "order":
            self._books.orders.append(ask.order)
        self._client.send(Try(ask, time.monotonic(), ended))
        return await answer

    def _send(self, ask: Ask, planned: float) -> None:
        if ask.order is not None:
            self._books.orders.append(ask.order)
        self._client.send(Try(ask, planned, self._count))

    def _count(self, one: Try, sample: Sample) -> None:
        self._note(one, sample)
        self.samples.append(sample)

    def _note(self, one: Try, sample: Sample) -> None:
        if one.cookie:
            self._mix.meet(one.cookie)
        if (order := one.ask.order) is None:
            return
        order.statuses.append(sample.status)
        if sample.status == 202:
            order_id = json.loads(one.body)["order_id"]
            order.ids.add(order_id)
            self._mix.accepted(order.cookie, order_id)
