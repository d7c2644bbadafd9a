"""Sends a plan, or one generator's share of it: each visit starts at its planned moment in a
greenlet of its own, however many answers are still outstanding. It runs under Locust only."""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar, cast

import gevent
from gevent.pool import Group

from loadtest.client import Browser, NoConnection, TookTooLong
from loadtest.figures import LATE_SECONDS, Figures, Outcome
from loadtest.plan import Plan, Step, Visit
from loadtest.shopping import ENDED, Answer, Request, Shop, SoldOut, WrongContent, shop

T = TypeVar("T")

# Guests in the shop at the same time; who comes on top of them is not let in, and is missed.
MOST_VISITS = 5000
_POLL_SECONDS = 0.5
# Guests who may come back, with their cookies; of those who come, so many have been here.
_MOST_KNOWN_GUESTS = 500
_RETURNING_SHARE = 0.6

# Tells Locust: class, seconds, answer's length, what went wrong.
Listener = Callable[[str, float, int, str], None]


class VisitOver(Exception):
    """Something went wrong, and is counted; the guest leaves."""


@dataclass(frozen=True)
class Problem:
    outcome: Outcome
    text: str


class Generator:
    """One process's part in a run. `begins_at` is on the monotonic clock."""

    def __init__(self, plan: Plan, url: str, known: Shop, listener: Listener) -> None:
        self.plan, self._url, self._known = plan, url, known
        self.listener = listener
        self.figures = Figures()
        self.begins_at = 0.0
        self.finished = False
        # Cores that this process used, for each step.
        self.cores: dict[int, float] = {}
        self._guests: deque[dict[str, str]] = deque(maxlen=_MOST_KNOWN_GUESTS)
        self._visits = Group()

    def report(self) -> dict[str, Any]:
        """Everything since the beginning, in plain values that can travel."""
        return {
            "figures": self.figures.as_plain(),
            "cores": {str(step): cores for step, cores in self.cores.items()},
            "finished": self.finished,
        }

    def run(self, begins_at: float, share: int, of: int) -> None:
        """Returns when every visit has ended."""
        self.begins_at = begins_at
        meter = gevent.spawn(self._measure_itself)
        for visit in self.plan.visits(share, of):
            for name in visit.clicks:
                self.figures.tally(visit.step, name).planned += 1
            sleep_until(begins_at + visit.moments[0])
            if len(self._visits) < MOST_VISITS:
                self._visits.spawn(self._make, visit)
        self._visits.join(self.plan.longest_visit_seconds)
        self._visits.kill()
        meter.join()
        self.finished = True

    def _make(self, visit: Visit) -> None:
        dice = random.Random(f"{self.plan.seed}/visit/{visit.number}")
        returning = self._guests and dice.random() < _RETURNING_SHARE
        cookies = self._guests.popleft() if returning else {}
        visitor = TimedVisitor(self, visit, self._browser(cookies))
        try:
            shop(visitor, visit.kind, self._known, dice)
        except VisitOver:
            pass
        except SoldOut:
            self.figures.complain("a watch was sold out, and the guest left")
        finally:
            visitor.leave()
            self._guests.append(cookies)

    def _browser(self, cookies: dict[str, str]) -> Browser:
        return Browser(self._url, cookies, self.plan.timeout_seconds)

    def _measure_itself(self) -> None:
        for step in self.plan.steps:
            self.cores[step.number] = self._cores_during(step)

    def _cores_during(self, step: Step) -> float:
        sleep_until(self.begins_at + step.begins)
        began, used = time.monotonic(), time.process_time()
        sleep_until(self.begins_at + step.ends)
        return (time.process_time() - used) / max(time.monotonic() - began, 1e-3)


class TimedVisitor:
    """The Visitor of `shopping`: a click starts at its moment in the plan, or, if the page that
    it is on came later than that, as soon as the page is there. Its latency counts from then."""

    def __init__(self, generator: Generator, visit: Visit, browser: Browser) -> None:
        self._generator, self._visit, self._browser = generator, visit, browser
        self._figures = generator.figures
        self._patience_seconds = generator.plan.order_patience_seconds
        self._left = deque(zip(visit.clicks, visit.moments, strict=True))
        self._ready_at = 0.0
        self._ordered_at: float | None = None

    def click(self, request: Request, read: Callable[[Answer], T]) -> T:
        name, moment = self._left.popleft()
        due = max(self._generator.begins_at + moment, self._ready_at)
        found = self._send(name, due, request, read)
        if name.startswith("order by"):
            self._ordered_at = due
            self._figures.tally(self._visit.step, "order ended").planned += 1
        return found

    def follow(self, request: Request, read_status: Callable[[Answer], str]) -> None:
        name = self._left[0][0]
        status = self.click(request, read_status)
        assert self._ordered_at is not None
        while status not in ENDED:
            if time.monotonic() > self._ordered_at + self._patience_seconds:
                self._order_ends(Outcome.WRONG)
                return
            # On top of the plan: in a shop that is well the order has ended by now.
            self._figures.tally(self._visit.step, name).planned += 1
            due = self._ready_at + _POLL_SECONDS
            status = self._send(name, due, request, read_status)
        self._order_ends(Outcome.ANSWERED)

    def leave(self) -> None:
        """What was planned and is not done any more is given up, and counted as that."""
        for name, _ in self._left:
            self._figures.tally(self._visit.step, name).given_up += 1
        if self._ordered_at is not None:
            self._figures.tally(self._visit.step, "order ended").given_up += 1
        self._browser.close()

    def _send(self, name: str, due: float, request: Request, read: Callable[[Answer], T]) -> T:
        sleep_until(due)
        late = time.monotonic() - due > LATE_SECONDS
        length, problem, found = 0, None, None
        try:
            answer = self._browser.send(request)
            length = len(answer.text)
            problem = problem_of(answer.status)
            found = read(answer) if problem is None else None
        except WrongContent as error:
            problem = Problem(Outcome.WRONG, str(error))
        except TookTooLong:
            problem = Problem(Outcome.TIMEOUT, "timeout")
        except NoConnection as error:
            problem = Problem(Outcome.CONNECTION, str(error))
        self._ready_at = time.monotonic()
        seconds = self._ready_at - due
        outcome = problem.outcome if problem else Outcome.ANSWERED
        self._figures.tally(self._visit.step, name).record(outcome, seconds, late=late)
        self._generator.listener(name, seconds, length, problem.text if problem else "")
        if problem:
            self._figures.complain(f"{name}: {problem.text}")
            raise VisitOver(problem.text)
        return cast(T, found)

    def _order_ends(self, outcome: Outcome) -> None:
        assert self._ordered_at is not None
        seconds = time.monotonic() - self._ordered_at
        self._figures.tally(self._visit.step, "order ended").record(outcome, seconds)
        if outcome is Outcome.WRONG:
            self._figures.complain(f"an order without an end after {seconds:.0f} s")
        self._ordered_at = None


def problem_of(status: int) -> Problem | None:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Problem(Outcome.LIMITED, "429")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Problem(Outcome.SERVER, str(status))
    return Problem(Outcome.CLIENT, str(status)) if status >= HTTPStatus.BAD_REQUEST else None


def sleep_until(moment: float) -> None:
    gevent.sleep(max(moment - time.monotonic(), 0))
