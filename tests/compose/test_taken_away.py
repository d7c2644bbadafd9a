"""Every part is taken away once: within two minutes the alert that names it has reached
Alertmanager, and within two minutes of its return that is gone. A table says how long each took."""

import contextlib
import os
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import httpx
import pytest

from tests.compose.alertmanager import PROMISED_SECONDS, Alertmanager, table
from tests.compose.parts import FIRST_WAVE, MORE_WAVES, Part
from tests.compose.project import ComposeProject
from tests.e2e.conftest import CUSTOMER
from tests.waiting import eventually

# CI takes the parts without which nobody orders; `make test-release` takes all.
LONG = os.environ.get("LONG_TESTS") == "1"
WAVES = (FIRST_WAVE, *(MORE_WAVES if LONG else ()))


class Traffic:
    """Customers who come, whatever happens to the ones before: 4 orders and 8 pages a second."""

    def __init__(self, shop_url: str) -> None:
        self._url, self._stop = shop_url, Event()
        self.accepted = 0
        self._threads = [Thread(target=self._visit, args=(one < 4,)) for one in range(12)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _visit(self, orders: bool) -> None:
        with httpx.Client(base_url=self._url, timeout=12) as client:
            while not self._stop.wait(1):
                with contextlib.suppress(httpx.TransportError):
                    self._order(client) if orders else client.get("/api/products?page_size=24")

    def _order(self, client: httpx.Client) -> None:
        if not client.cookies:
            client.get("/api/products?page_size=1")
        body = {"items": [{"product_id": 1, "quantity": 1}], "customer": CUSTOMER}
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        answer = client.post("/api/orders", json=body, headers=headers)
        self.accepted += answer.status_code == httpx.codes.ACCEPTED


@pytest.fixture(scope="module")
def alertmanager(project: ComposeProject) -> Alertmanager:
    return Alertmanager(project)


@pytest.fixture(scope="module")
def traffic(project: ComposeProject, alertmanager: Alertmanager) -> Iterator[Traffic]:
    with Traffic(project.shop_url) as customers:
        eventually(lambda: customers.accepted, lambda number: number > 10, seconds=120)
        # Of what other tests have done nothing may be left.
        eventually(lambda: alertmanager.others("page"), lambda left: not left, seconds=300)
        yield customers


def take_away(project: ComposeProject, wave: Sequence[Part], traffic: Traffic) -> dict[str, float]:
    """Part → when it was away."""

    def take(part: Part) -> tuple[str, float]:
        part.take(project)
        return part.name, time.monotonic()

    first, *others = wave
    since = dict([take(first)])
    if first.name == "consumer":
        before = traffic.accepted
        eventually(lambda: traffic.accepted > before)
    with ThreadPoolExecutor() as threads:
        return since | dict(threads.map(take, others))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("wave", WAVES, ids=lambda wave: ", ".join(part.name for part in wave))
def test_what_is_taken_away_is_named_within_two_minutes_and_so_is_its_return(
    project: ComposeProject,
    alertmanager: Alertmanager,
    traffic: Traffic,
    wave: Sequence[Part],
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = [(part.name, name, labels) for part in wave for name, labels in part.alerts]
    # What the wave before has left behind.
    eventually(
        lambda: [name for _, name, labels in asked if alertmanager.has(name, labels)],
        lambda left: not left,
        seconds=2 * PROMISED_SECONDS,
    )

    def wait(there: bool, since: Mapping[str, float]) -> list[float]:
        with ThreadPoolExecutor(len(asked)) as threads:
            tasks = [
                threads.submit(alertmanager.wait, name, labels, there, since[part])
                for part, name, labels in asked
            ]
        return [task.result() for task in tasks]

    try:
        fired = wait(True, take_away(project, wave, traffic))
    finally:
        back = {}
        for part in reversed(wave):
            part.give(project)
            back[part.name] = time.monotonic()
    gone = wait(False, back)
    rows = [
        (part, name, after, gone_after)
        for (part, name, _), after, gone_after in zip(asked, fired, gone, strict=True)
    ]
    with capsys.disabled():
        sys.stdout.write(f"\n{table(rows)}\n")


if LONG:

    def test_a_blip_that_is_over_calls_nobody(
        project: ComposeProject, alertmanager: Alertmanager, traffic: Traffic
    ) -> None:
        """The queue hangs for 20 s: orders are refused, and accepted again. CI has the same on
        made-up series (observability/alert-tests)."""
        refused = traffic.accepted
        project.pause("queue-redis")
        time.sleep(20)
        project.resume("queue-redis")
        until = time.monotonic() + PROMISED_SECONDS
        while time.monotonic() < until:
            assert alertmanager.others("page") == []
            time.sleep(2)
        assert traffic.accepted > refused
