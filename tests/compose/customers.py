"""Customers who browse and order while a test disturbs the shop, and who do what a careful program
does: whatever happened to an order, they send it again under the same key."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from types import TracebackType
from typing import Self

import httpx

from tests.e2e.conftest import CUSTOMER, assert_stock_is_the_sum_of_its_ledger, eventually
from tests.stack import AnyStack

_RETRY_SECONDS = 0.1
# Each orders one watch each time, one after the other, so that none runs out.
_PRODUCTS = 40


@dataclass(frozen=True)
class Failure:
    """An answer that was no use: its status, or 0 without an answer."""

    at: float
    what: str
    status: int


class Customers:
    """Some who order, some who browse; gone at the end of the `with` block, every order of theirs
    accepted."""

    def __init__(
        self, shop_url: str, *, ordering: int = 2, browsing: int = 2, pause_seconds: float = 0.1
    ) -> None:
        self.accepted: list[str] = []
        self.failures: list[Failure] = []
        self.answers: Counter[int] = Counter()
        self._shop_url, self._pause = shop_url, pause_seconds
        self._stop = threading.Event()
        self._lock = threading.Lock()
        works = [self._order] * ordering + [self._browse] * browsing
        self._threads = [threading.Thread(target=work) for work in works]
        self._products = self._plenty()
        self._next = count()

    def _plenty(self) -> Sequence[int]:
        page = httpx.get(f"{self._shop_url}/api/products?page_size=100", timeout=15).json()
        items = sorted(page["items"], key=lambda item: -item["stock"])
        return [item["product_id"] for item in items[:_PRODUCTS]]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=120)
        assert not any(thread.is_alive() for thread in self._threads)

    def wait_for_orders(self, number: int) -> None:
        """Until this many more were accepted."""
        wanted = len(self.accepted) + number
        eventually(lambda: len(self.accepted), lambda reached: reached >= wanted, seconds=120)

    @property
    def requests(self) -> int:
        return self.answers.total()

    def longest_gap(self, what: str) -> float:
        """Seconds between the first and the last failure of one series, the longest of all."""
        times = [failure.at for failure in self.failures if failure.what == what]
        longest, began = 0.0, times[0] if times else 0.0
        for before, now in pairwise(times):
            began = now if now - before > 2 else began
            longest = max(longest, now - began)
        return longest

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._shop_url, timeout=20)

    def _order(self) -> None:
        with self._client() as client:
            client.get("/api/products?page_size=1")
            while not self._stop.is_set():
                product = self._products[next(self._next) % len(self._products)]
                key, body = str(uuid.uuid4()), _body(product)
                # To the end, also after the stop: its customer does not give an order up.
                deadline = time.monotonic() + 90
                while time.monotonic() < deadline:
                    headers = {"Idempotency-Key": key}
                    answer = self._send(client, "order", "POST", "/api/orders", headers, body)
                    if answer is not None and answer.status_code == 202:
                        with self._lock:
                            self.accepted.append(answer.json()["order_id"])
                        break
                    if not any("arloji_guest" in name for name in client.cookies):
                        self._send(client, "browse", "GET", "/api/products?page_size=1")
                    time.sleep(_RETRY_SECONDS)
                else:
                    raise AssertionError(f"never accepted: {self.failures[-5:]}")
                self._stop.wait(self._pause)

    def _browse(self) -> None:
        with self._client() as client:
            while not self._stop.is_set():
                for path in ("/", "/api/products?page_size=24", "/api/products/1", "/cart"):
                    self._send(client, "browse", "GET", path)
                    self._stop.wait(self._pause)

    def _send(
        self,
        client: httpx.Client,
        what: str,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: dict[str, object] | None = None,
    ) -> httpx.Response | None:
        try:
            answer = client.request(method, path, headers=headers, json=body)
        except httpx.TransportError:
            answer = None
        status = answer.status_code if answer is not None else 0
        with self._lock:
            self.answers[status] += 1
            if status not in (200, 202):
                self.failures.append(Failure(time.monotonic(), what, status))
        return answer


def _body(product: int) -> dict[str, object]:
    return {"items": [{"product_id": product, "quantity": 1}], "customer": CUSTOMER}


def assert_each_is_one_order(project: AnyStack, order_ids: Sequence[str]) -> None:
    """Every accepted order has its row, once, and took the stock of its one watch once."""
    wanted = set(order_ids)
    assert len(wanted) == len(order_ids)
    eventually(
        lambda: wanted - {row["order_id"] for row in project.rows("SELECT order_id FROM orders")},
        lambda missing: not missing,
        seconds=90,
    )
    ends = {
        row["order_id"]: row["status"]
        for row in project.rows("SELECT order_id, status FROM orders")
        if row["order_id"] in wanted
    }
    changes = Counter(
        (row["order_id"], row["amount"])
        for row in project.rows("SELECT l.order_id, l.change AS amount FROM stock_ledger l")
        if row["order_id"] in wanted
    )
    confirmed = [order_id for order_id, status in ends.items() if status == "confirmed"]
    assert changes == Counter({(order_id, -1): 1 for order_id in confirmed})
    assert ends.keys() == wanted
    assert_stock_is_the_sum_of_its_ledger(project)
