"""`python -m benchmarks.pressure.customers <url> <file> <seconds>`: ten customers who visit the
shop beside a flood, take their time, and come again when they are told to. Each line of the file
says when one of them was answered, and whether well."""

import json
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO, TypeVar

import httpx

from loadtest.answers import Answer, Watch, WrongContent
from loadtest.run import find_watches
from loadtest.scenarios import ENDED, Request, Shop, SoldOut, run_scenario

T = TypeVar("T")

CUSTOMERS = 10
_VISITS = ("order by program", "browse", "order by form", "search", "read by program")
# Between two requests of one customer.
_PAUSE_SECONDS = 0.7
_LONGEST_WAIT_SECONDS = 3.0
_TIMEOUT_SECONDS = 10.0
_POLLS = 20


class VisitOver(Exception):
    """The time is up, or what was answered leads nowhere."""


class Customer:
    """The Visitor of `loadtest.scenarios`."""

    def __init__(self, number: int, url: str, until: float, note: Callable[..., None]) -> None:
        self._number, self._until, self._note = number, until, note
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, verify=False)

    def visit(self, watches: Sequence[Watch]) -> None:
        rng, known, visits = random.Random(self._number), Shop(watches), self._number
        time.sleep(_PAUSE_SECONDS * self._number / CUSTOMERS)
        while time.monotonic() < self._until:
            visits += 1
            try:
                run_scenario(_VISITS[visits % len(_VISITS)], self, known, rng)
            except (VisitOver, SoldOut):
                continue

    def send(self, request: Request, read: Callable[[Answer], T]) -> T:
        while time.monotonic() < self._until:
            began, status, found, wait = time.monotonic(), 0, None, 1.0
            try:
                answer = self._http.request(
                    request.method, request.path, headers=request.headers, content=request.body
                )
                status = answer.status_code
                wait = float(answer.headers.get("retry-after", 1))
                if status < 400:
                    location = answer.headers.get("location", "")
                    found = read(Answer(status, answer.text, location))
            except httpx.TransportError:
                pass
            except WrongContent:
                status = -1
            self._note(self._number, began, status)
            if found is not None or 200 <= status < 400:
                time.sleep(_PAUSE_SECONDS)
                return found  # type: ignore[return-value]
            if status not in (0, 429, 502, 503, 504):
                break
            time.sleep(min(wait, _LONGEST_WAIT_SECONDS))
        raise VisitOver

    def poll(self, request: Request, read_status: Callable[[Answer], str]) -> None:
        for _ in range(_POLLS):
            if self.send(request, read_status) in ENDED:
                return


def main(url: str, file: str, seconds: str) -> None:
    lock, watches = threading.Lock(), find_watches(url, lambda _: None)
    with Path(file).open("w", encoding="utf-8") as lines:

        def note(customer: int, began: float, status: int) -> None:
            with lock:
                _write(lines, customer, began, status)

        until = time.monotonic() + float(seconds)
        threads = [
            threading.Thread(target=Customer(number, url, until, note).visit, args=(watches,))
            for number in range(CUSTOMERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _write(lines: TextIO, customer: int, began: float, status: int) -> None:
    row = {"customer": customer, "began": began, "ended": time.monotonic(), "status": status}
    lines.write(json.dumps(row) + "\n")
    lines.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
