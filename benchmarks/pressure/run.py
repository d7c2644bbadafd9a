"""A whole run: capacity first, then one scenario after the other on the same shop, and after an
overload the capacity once more."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.pressure.capacity import Capacity, measure_capacity
from benchmarks.pressure.faults import Faults
from benchmarks.pressure.generator import Generator
from benchmarks.pressure.mix import SHARES, Mix
from benchmarks.pressure.orders import Books
from benchmarks.pressure.phase import Outcome, Phase
from benchmarks.pressure.scenarios import Scenario, Times
from benchmarks.pressure.watching import (
    CUSTOMERS,
    GENERATOR,
    PROXIES,
    count_refusals,
    visited,
    watched,
)
from loadtest.run import find_watches

Progress = Callable[[str], None]

# Of the capacity, and no more than so many a second: what is offered before and after.
_USUAL_SHARE, _USUAL_RATE = 0.4, 100.0
_GUESTS = 100


class Run:
    def __init__(
        self,
        url: str,
        faults: Faults | None,
        books: Books,
        times: Times,
        folder: Path,
        progress: Progress,
    ) -> None:
        self._url, self._faults, self._books, self._times = url, faults, books, times
        self._folder, self._progress = folder, progress
        self._mix = Mix(urlsplit(url).netloc, find_watches(url, progress), seed=1)

    async def play(self, scenarios: Sequence[Scenario]) -> Outcome:
        self._generator = generator = Generator(self._url, self._mix, self._books)
        try:
            await generator.make_guests(_GUESTS)
            found = Outcome(latest := await self._capacity(SHARES))
            for scenario in scenarios:
                phase = await self._play(scenario, latest.rate)
                found.phases.append(phase)
                self._progress(f"{scenario.name}: {phase.summary().good_share:.0%} good")
                if scenario.times:
                    if mix := phase.admitted_mix():
                        phase.of_admitted = await self._capacity(mix)
                    phase.before = latest
                    phase.after = latest = await self._capacity(SHARES)
        finally:
            await generator.close()
        if self._books.can_look:
            self._progress("waiting for the last orders")
            self._books.drain()
            for phase in found.phases:
                phase.accounts = self._books.accounts(phase.scenario.name)
            found.wrong_stock = self._books.wrong_stock()
        return found

    async def _capacity(self, shares: Mapping[str, float]) -> Capacity:
        closed = self._times.closed
        found = await measure_capacity(self._generator, closed, shares, self._pids())
        whose = "" if shares is SHARES else " of what was admitted"
        self._progress(f"capacity: {found.rate:.0f} good answers a second{whose}")
        return found

    async def _play(self, scenario: Scenario, capacity: float) -> Phase:
        usual = min(_USUAL_RATE, capacity * _USUAL_SHARE)
        rate = scenario.times * capacity if scenario.times else usual
        phase, name, generator = Phase(scenario, rate), scenario.name, self._generator
        generator.samples, refused_before = phase.samples, await self._refusals()
        async with AsyncExitStack() as stack:
            pids = self._pids()
            if scenario.times:
                seconds = self._times.before + scenario.seconds + self._times.after
                beside = visited(self._url, self._folder / "customers", seconds)
                visits = stack.enter_context(beside)
                phase.customers, pids[CUSTOMERS] = visits.noted, visits.pid
            phase.cores = await stack.enter_async_context(watched(pids))
            phase.began = time.monotonic()
            await generator.offer(usual, self._times.before, name)
            phase.from_ = time.monotonic()
            if scenario.inject is not None:
                assert self._faults is not None
                scenario.inject(self._faults)
            try:
                await generator.offer(rate, scenario.seconds, name)
            finally:
                if self._faults is not None:
                    self._faults.heal()
            phase.until = time.monotonic()
            await generator.offer(usual, self._times.after, name)
            phase.ended = time.monotonic()
        phase.refusals = await self._refusals() - refused_before
        await generator.answers()
        await self._settle(phase)
        return phase

    async def _refusals(self) -> Counter[str]:
        if self._faults is None or self._faults.shop is None:
            return Counter()
        return await asyncio.to_thread(count_refusals, self._faults.shop.url("telemetry"))

    def _pids(self) -> dict[str, int]:
        pids = {GENERATOR: os.getpid()}
        if self._faults and self._faults.shop:
            pids |= {PROXIES: self._faults.proxies.pid, **self._faults.shop.pids()}
        return pids

    async def _settle(self, phase: Phase) -> None:
        name, books = phase.scenario.name, self._books
        if books.can_look:
            phase.unasked = books.accounts(name).stored_unacknowledged
        unknown = books.unknown(name)
        await self._generator.repeat(unknown)
        phase.unresolved = sum(not one.is_acknowledged for one in unknown)
