"""Sends a plan, or one generator's share of it: each visit starts at its time in the plan in a
greenlet of its own, however many answers are still outstanding. It runs under Locust only."""

import random
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar, cast

import gevent
from gevent.pool import Group

from loadtest.answers import Answer, WrongContent
from loadtest.client import Browser, ConnectionFailed, RequestTimeout
from loadtest.figures import LATE_SECONDS, Counts, Field, Outcome, failure_text
from loadtest.plan import Plan, Step, Visit
from loadtest.scenarios import ENDED, Request, Shop, SoldOut, run_scenario
from loadtest.workload import COMPLETION

T = TypeVar("T")

# Guests in the shop at the same time; who comes on top of them is not let in, and is missed.
MOST_VISITS = 5000
_POLL_SECONDS = 0.5
# Guests who may come back, with their cookies; of those who come, so many have been here.
_MOST_KNOWN_GUESTS = 500
_RETURNING_SHARE = 0.6

# Tells Locust: step, class, seconds (None of a 429, which has no part in the latencies), the
# answer's length, what went wrong.
Listener = Callable[[int, str, float | None, int, str], None]


class VisitOver(Exception):
    """Something went wrong, and is counted; the guest leaves."""


class Generator:
    """One process's part in a run. `begins_at` is on the monotonic clock."""

    def __init__(self, plan: Plan, url: str, known: Shop, listener: Listener) -> None:
        self.plan, self._url, self._known = plan, url, known
        self.listener = listener
        self.counts = Counts()
        self.begins_at = 0.0
        self.finished = False
        self.sold_out = 0
        # Cores that this process used, for each step.
        self.cores: dict[int, float] = {}
        self._guests: deque[dict[str, str]] = deque(maxlen=_MOST_KNOWN_GUESTS)
        self._visits = Group()

    def report(self) -> dict[str, Any]:
        """Everything since the beginning, in plain values that can travel."""
        return {
            "counts": [[*key, count] for key, count in self.counts.items()],
            "sold_out": self.sold_out,
            "cores": {str(step): cores for step, cores in self.cores.items()},
            "finished": self.finished,
        }

    def run(self, begins_at: float, share: int, of: int) -> None:
        """Returns when every visit has ended."""
        self.begins_at = begins_at
        meter = gevent.spawn(self._measure_itself)
        for visit in self.plan.visits(share, of):
            for name in visit.requests:
                self.counts[visit.step, name, "planned"] += 1
            sleep_until(begins_at + visit.starts[0])
            if len(self._visits) < MOST_VISITS:
                self._visits.spawn(self._visit, visit)
        self._visits.join(self.plan.longest_visit_seconds)
        self._visits.kill()
        meter.join()
        self.finished = True

    def _visit(self, visit: Visit) -> None:
        rng = random.Random(f"{self.plan.seed}/visit/{visit.number}")
        returning = self._guests and rng.random() < _RETURNING_SHARE
        cookies = self._guests.popleft() if returning else {}
        browser = Browser(self._url, cookies, self.plan.timeout_seconds)
        visitor = ScheduledVisitor(self, visit, browser)
        try:
            run_scenario(visit.scenario, visitor, self._known, rng)
        except VisitOver:
            pass
        except SoldOut:
            self.sold_out += 1
        finally:
            visitor.leave()
            self._guests.append(cookies)

    def _measure_itself(self) -> None:
        for step in self.plan.steps:
            self.cores[step.number] = self._cores_during(step)

    def _cores_during(self, step: Step) -> float:
        sleep_until(self.begins_at + step.begins)
        began, used = time.monotonic(), time.process_time()
        sleep_until(self.begins_at + step.ends)
        return (time.process_time() - used) / max(time.monotonic() - began, 1e-3)


class ScheduledVisitor:
    """The Visitor of `scenarios`: a request starts at its time in the plan, or, if the page that
    its guest is on came later than that, as soon as the page is there. Its latency counts from
    then."""

    def __init__(self, generator: Generator, visit: Visit, browser: Browser) -> None:
        self._generator, self._visit, self._browser = generator, visit, browser
        self._left = deque(zip(visit.requests, visit.starts, strict=True))
        self._ready_at = 0.0
        self._ordered_at: float | None = None

    def send(self, request: Request, read: Callable[[Answer], T]) -> T:
        name, start = self._left.popleft()
        due = max(self._generator.begins_at + start, self._ready_at)
        found = self._send(name, due, request, read)
        if name.startswith("order by"):
            self._ordered_at = due
            self._count(COMPLETION, "planned")
        return found

    def poll(self, request: Request, read_status: Callable[[Answer], str]) -> None:
        name = self._left[0][0]
        status = self.send(request, read_status)
        assert self._ordered_at is not None
        deadline = self._ordered_at + self._generator.plan.order_timeout_seconds
        while status not in ENDED:
            if time.monotonic() > deadline:
                self._complete(failure_text(Outcome.WRONG, "an order without an end"))
                return
            # On top of the plan: in a healthy shop the order has ended by now.
            self._count(name, "planned")
            due = self._ready_at + _POLL_SECONDS
            status = self._send(name, due, request, read_status)
        self._complete("")

    def leave(self) -> None:
        """What was planned and is not done any more is given up, and counted as that."""
        for name, _ in self._left:
            self._count(name, "given_up")
        if self._ordered_at is not None:
            self._count(COMPLETION, "given_up")
        self._browser.close()

    def _send(self, name: str, due: float, request: Request, read: Callable[[Answer], T]) -> T:
        sleep_until(due)
        if time.monotonic() - due > LATE_SECONDS:
            self._count(name, "late")
        answer, found, failure = Answer(0), None, ""
        try:
            answer = self._browser.send(request)
            failure = failure_of(answer.status)
            found = None if failure else read(answer)
        except WrongContent as error:
            failure = failure_text(Outcome.WRONG, str(error))
        except RequestTimeout:
            failure = failure_text(Outcome.TIMEOUT)
        except ConnectionFailed as error:
            failure = failure_text(Outcome.CONNECTION, str(error))
        self._ready_at = time.monotonic()
        seconds = None if failure == Outcome.LIMITED else self._ready_at - due
        self._generator.listener(self._visit.step, name, seconds, len(answer.text), failure)
        if failure:
            raise VisitOver(failure)
        return cast(T, found)

    def _complete(self, failure: str) -> None:
        assert self._ordered_at is not None
        seconds = time.monotonic() - self._ordered_at
        self._generator.listener(self._visit.step, COMPLETION, seconds, 0, failure)
        self._ordered_at = None

    def _count(self, name: str, what: Field) -> None:
        self._generator.counts[self._visit.step, name, what] += 1


def failure_of(status: int) -> str:
    """Empty of an answer that is none."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return failure_text(Outcome.LIMITED)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return failure_text(Outcome.SERVER, str(status))
    return failure_text(Outcome.CLIENT, str(status)) if status >= HTTPStatus.BAD_REQUEST else ""


def sleep_until(moment: float) -> None:
    gevent.sleep(max(moment - time.monotonic(), 0))
