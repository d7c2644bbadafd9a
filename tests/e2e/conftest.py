"""The whole shop as processes, started the way a user starts it."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.e2e import browser
from tests.stack import AnyStack, RunningStack
from tests.waiting import eventually

chromium, contexts = browser.chromium, browser.contexts

Order = dict[str, Any]
CUSTOMER = browser.CUSTOMER


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One shop for all tests that leave it as they found it."""
    with RunningStack(tmp_path_factory.mktemp("shop")) as running:
        yield running


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A shop for tests that break it, one after the other; each waits until it has healed.
    Claims come after a second."""
    options = ["--set", "consumer.CLAIM_IDLE_SECONDS=1"]
    with RunningStack(tmp_path_factory.mktemp("own"), options=options) as running:
        yield running


class Guest:
    """A program that shops: keeps its cookies, as any client does."""

    def __init__(self, shop_url: str, transport: httpx.BaseTransport | None = None) -> None:
        # Plain http: loading certificates would take longer than any request.
        self.http = httpx.Client(base_url=shop_url, timeout=15, verify=False, transport=transport)
        self.http.get("/api/products?page_size=1")

    @property
    def guest_cookie(self) -> tuple[str, str]:
        """Its name, which is the run's own, and its value."""
        (pair,) = [pair for pair in self.http.cookies.items() if "arloji_guest" in pair[0]]
        return pair

    def product(self, **filters: Any) -> dict[str, Any]:
        """A product with plenty in stock, which is not told while the database is away."""
        params = {"page_size": 100, **filters}
        items: list[dict[str, Any]] = eventually(
            lambda: self.http.get("/api/products", params=params).json()["items"],
            lambda items: all(item["stock"] is not None for item in items),
            30,
        )
        return max(items, key=lambda item: item["stock"])

    def plentiful_products(self) -> list[int]:
        """The ids of all products on the first page of which there are fifty or more."""
        items = self.http.get("/api/products", params={"page_size": 100}).json()["items"]
        return [item["product_id"] for item in items if item["stock"] >= 50]

    def post_order(
        self, lines: dict[int, int], key: str | None = None, **body: Any
    ) -> httpx.Response:
        return self.http.post(
            "/api/orders",
            headers={"Idempotency-Key": key or str(uuid.uuid4())},
            json={
                "items": [{"product_id": p, "quantity": n} for p, n in lines.items()],
                "customer": CUSTOMER,
                **body,
            },
        )

    def wait_for_end(self, order_id: str) -> Order:
        return eventually(
            lambda: self.http.get(f"/api/orders/{order_id}").json(),
            lambda order: order["status"] != "accepted",
        )

    def close(self) -> None:
        self.http.close()


@pytest.fixture
def guest(stack: RunningStack) -> Iterator[Guest]:
    with closing(Guest(stack.shop_url)) as one:
        yield one


@pytest.fixture
def other_guest(stack: RunningStack) -> Iterator[Guest]:
    with closing(Guest(stack.shop_url)) as one:
        yield one


def rows(stack: AnyStack, query: str, *parameters: Any) -> list[dict[str, Any]]:
    """What the shop's database says, as an operator would ask it; `?` marks a parameter."""
    return stack.rows(query, *parameters)


def assert_stock_is_the_sum_of_its_ledger(stack: AnyStack) -> None:
    wrong = rows(
        stack,
        """SELECT p.product_id, p.stock, sum(l.change) AS ledger
           FROM products p LEFT JOIN stock_ledger l ON l.product_id = p.product_id
           GROUP BY p.product_id, p.stock HAVING p.stock <> ledger OR p.stock < 0""",
    )
    assert wrong == []
