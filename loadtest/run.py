"""A load run as its master sees it: the plan, the generators that send it, and what they report."""

import os
import platform
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from loadtest.answers import Answer, Watch, WrongContent, read_watches
from loadtest.figures import Counts, Figures, LocustEntry, LocustError
from loadtest.objectives import judge
from loadtest.plan import Plan, PlanRefused, Step
from loadtest.report.result import Result, command_for
from loadtest.scenarios import Shop
from loadtest.usage import Reader, StepUsage

_SHOP_TIMEOUT_SECONDS = 120.0
# Between the end of the last visit and the report of it.
_REPORT_SECONDS = 15.0
# So many of each watch that one run does not sell it out.
_LEAST_STOCK = 20


class Run:
    """Begins once, takes in reports of the generators, and ends in a Result."""

    def __init__(
        self,
        plan: Plan,
        url: str,
        watches: Sequence[Watch],
        generators: Sequence[str],
        software: str,
        reader: Reader | None = None,
    ) -> None:
        self.plan, self.url, self.generators = plan, url, list(generators)
        self._watches, self._software, self._reader = watches, software, reader
        self.begins_at = 0.0
        self._reports: dict[str, Mapping[str, Any]] = {}
        self._lost: set[str] = set()
        self._usage: dict[int, StepUsage] = {}

    def begin(self, at: float) -> dict[str, Any]:
        """`at` is wall-clock time, which generators share; returns what they have to know, in
        plain values that can travel."""
        self.begins_at = at
        return {
            "plan": self.plan.to_dict(),
            "url": self.url,
            "generators": self.generators,
            "begins_at": at,
            "watches": [asdict(watch) for watch in self._watches],
        }

    def take(self, generator: str, report: Mapping[str, Any]) -> None:
        """Each report has everything since the beginning, so that none may be missed."""
        if generator in self.generators and report["begins_at"] == self.begins_at:
            self._reports[generator] = report

    def lose(self, generator: str) -> None:
        self._lost.add(generator)

    def is_over(self, now: float) -> bool:
        if not self.begins_at:
            return False
        timeout = self.plan.longest_visit_seconds + _REPORT_SECONDS
        if now > self.begins_at + self.plan.seconds + timeout:
            return True
        return all(one in self._lost or self._has_finished(one) for one in self.generators)

    def step_at(self, now: float) -> Step | None:
        seconds = now - self.begins_at
        return next((one for one in self.plan.steps if one.begins <= seconds < one.ends), None)

    def sample(self, now: float) -> None:
        """Note what the services use; to be called about once a second."""
        step = self.step_at(now)
        if self._reader is not None and step is not None:
            moment = time.monotonic()
            with suppress(OSError):  # one look less
                self._usage.setdefault(step.number, StepUsage()).add(moment, self._reader())

    def result(self, entries: Iterable[LocustEntry], errors: Iterable[LocustError]) -> Result:
        """Out of Locust's statistics of all generators and their own reports."""
        counts, cores = Counts(), dict[int, float]()
        for report in self._reports.values():
            for *key, count in report["counts"]:
                counts[tuple(key)] += count
            for step, used in report["cores"].items():
                cores[int(step)] = max(cores.get(int(step), 0.0), used)
        figures = Figures.from_locust(entries, errors, counts)
        if sold_out := sum(report["sold_out"] for report in self._reports.values()):
            figures.failures["a watch was sold out, and the guest left"] = sold_out
        faults = [
            f"generator {number} of {len(self.generators)} did not report its end"
            for number, one in enumerate(self.generators, 1)
            if not self._has_finished(one)
        ]
        return Result(
            self.plan,
            figures,
            judge(self.plan, figures, faults),
            self._about(),
            {step: usage.to_dict() for step, usage in self._usage.items()},
            cores,
        )

    def _has_finished(self, generator: str) -> bool:
        return bool(self._reports.get(generator, {}).get("finished"))

    def _about(self) -> dict[str, str]:
        plan, count = self.plan, len(self.generators)
        rates = ", ".join(f"{rate:g}" for rate in plan.rates)
        moment = datetime.fromtimestamp(self.begins_at, UTC)
        return {
            "target": self.url,
            "command": command_for(plan, self.url, count),
            "date": f"{moment:%Y-%m-%d %H:%M:%S} UTC",
            "machine": (
                f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
                f"{platform.python_implementation()} {platform.python_version()}, "
                f"{self._software}, {count} generator{'s' * (count > 1)}"
            ),
            "plan": (
                f"{rates} requests/s, {plan.step_seconds:g} s each; {plan.arrivals} arrivals, "
                f"seed {plan.seed}; latency counts from the planned start"
            ),
        }


def find_watches(url: str, say: Callable[[str], None]) -> list[Watch]:
    """The watches that there are enough of to be ordered; waits for a shop that is starting.
    Raises PlanRefused."""
    deadline, said = time.monotonic() + _SHOP_TIMEOUT_SECONDS, False
    watches, page = [], 1
    while True:
        answer = _fetch(f"{url}/api/products?page_size=100&page={page}")
        if answer.status == 200:
            try:
                watches += read_watches(answer, least_stock=_LEAST_STOCK)
            except WrongContent:
                break
            page += 1
            continue
        if time.monotonic() > deadline:
            raise PlanRefused(f"{url} does not answer as a shop: {answer.status or answer.text}.")
        if not said:
            say(f"waiting for the shop at {url}")
            said = True
        time.sleep(1)
    if not watches:
        raise PlanRefused(f"{url} has no watch with {_LEAST_STOCK} pieces or more to be ordered.")
    return watches


def _fetch(url: str) -> Answer:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return Answer(response.status, response.read().decode())
    except urllib.error.HTTPError as error:
        return Answer(error.code)
    except (OSError, ValueError) as error:
        return Answer(0, str(error))


def known_shop(message: Mapping[str, Any]) -> Shop:
    """Out of what `begin` told."""
    return Shop([Watch(**watch) for watch in message["watches"]])
