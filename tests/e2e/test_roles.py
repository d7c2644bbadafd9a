"""Who may do what: every operation that the description of the API has, as everybody who may come;
and no guest ever sees what is another's."""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest

from contracts.headers import GUEST
from tests.e2e.conftest import Guest
from tests.hostile_requests import ORDER
from tests.stack import RunningStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

READS = 10_000 if os.environ.get("LONG_TESTS") == "1" else 300
THREADS = 4
FORGED = f"{uuid.uuid4()}.1795864772.{'A' * 43}"
Fields = list[tuple[str, str]]

EVERYBODY = ("nobody", "fresh", "owner", "other", "forged", "two guests")
KNOWN = ("fresh", "owner", "other")
# What each role is answered with; an operation that is missing here fails the test.
POLICY: Mapping[tuple[str, str], Mapping[str, int]] = {
    ("GET", "/api/products"): dict.fromkeys(EVERYBODY, 200),
    ("GET", "/api/products/{product_id}"): dict.fromkeys(EVERYBODY, 200),
    ("GET", "/api/brands"): dict.fromkeys(EVERYBODY, 200),
    # Empty but for the owner.
    ("GET", "/api/orders"): dict.fromkeys(EVERYBODY, 200),
    ("GET", "/api/orders/{order_id}"): {**dict.fromkeys(EVERYBODY, 404), "owner": 200},
    ("POST", "/api/orders"): {role: 202 if role in KNOWN else 401 for role in EVERYBODY},
}


@dataclass(frozen=True)
class Shop:
    """Two guests, and an order of the first."""

    stack: RunningStack
    owner: Guest
    other: Guest
    order_id: str

    def fields(self, door: str, role: str) -> Fields:
        """What makes a request one of this role: cookies at the frontend; at the gateway, which
        only services reach, the header by which the frontend names the guest."""
        if door == "api-gw":
            owner, other = (one.guest_cookie[1].split(".")[0] for one in (self.owner, self.other))
            names = {"fresh": [str(uuid.uuid4())], "forged": [FORGED], "two guests": [owner, other]}
            named = {**names, "owner": [owner], "other": [other], "nobody": []}[role]
            return [(GUEST, name) for name in named]
        name, owner = self.owner.guest_cookie
        other = self.other.guest_cookie[1]
        if role == "fresh":
            with closing(Guest(self.stack.shop_url)) as fresh:
                return [("Cookie", "=".join(fresh.guest_cookie))]
        values = {"owner": [owner], "other": [other], "forged": [FORGED]}
        named = {**values, "two guests": [owner, other], "nobody": []}[role]
        return [("Cookie", "; ".join(f"{name}={value}" for value in named))] if named else []


@pytest.fixture(scope="module")
def shop(stack: RunningStack) -> Iterator[Shop]:
    with closing(Guest(stack.shop_url)) as owner, closing(Guest(stack.shop_url)) as other:
        placed = owner.post_order({owner.product()["product_id"]: 1})
        order_id = placed.json()["order_id"]
        owner.wait_for_end(order_id)
        yield Shop(stack, owner, other, order_id)


@pytest.mark.parametrize("door", ["frontend", "api-gw"])
def test_every_operation_answers_every_role_as_it_should(shop: Shop, door: str) -> None:
    with httpx.Client(base_url=shop.stack.url(door), timeout=15, verify=False) as client:
        document = client.get("/api/openapi.json").json()
        operations = {
            (method.upper(), path) for path, of in document["paths"].items() for method in of
        }
        assert operations == POLICY.keys()
        found: dict[tuple[str, str], dict[str, int]] = {}
        for method, path in sorted(operations):
            target = path.format(product_id=1, order_id=shop.order_id)
            for role in EVERYBODY:
                key = [("Idempotency-Key", str(uuid.uuid4()))]
                # Else this client would keep the cookies that it is given.
                client.cookies.clear()
                answer = client.request(
                    method,
                    target,
                    headers=[*shop.fields(door, role), *key],
                    json=ORDER if method == "POST" else None,
                )
                found.setdefault((method, path), {})[role] = answer.status_code
                if role != "owner":
                    assert shop.order_id not in answer.text.replace(target, ""), (path, role)
        assert found == POLICY
        listed = client.get("/api/orders", headers=shop.fields(door, "owner")).json()["items"]
        assert shop.order_id in {order["order_id"] for order in listed}


def test_no_guest_is_shown_what_is_anothers(shop: Shop) -> None:
    """Owner and others in turn, on connections that they share, so that whatever is kept in between
    (caches, connections, contexts) is warm with the other's."""
    owner, other = (shop.fields("frontend", role) for role in ("owner", "other"))
    own = f"/api/orders/{shop.order_id}"
    asks: list[tuple[str, Fields, Callable[[httpx.Response], bool]]] = [
        (own, owner, lambda answer: answer.json()["order_id"] == shop.order_id),
        (own, other, lambda answer: answer.status_code == 404),
        (f"/orders/{shop.order_id}", other, lambda answer: answer.status_code == 404),
        (own, [], lambda answer: answer.status_code == 404),
        ("/api/orders", owner, lambda answer: shop.order_id in answer.text),
        ("/api/orders", other, lambda answer: shop.order_id not in answer.text),
        ("/orders", other, lambda answer: shop.order_id not in answer.text),
    ]

    def read(number: int) -> str:
        path, fields, is_right = asks[number % len(asks)]
        answer = client.send(httpx.Request("GET", f"{shop.stack.shop_url}{path}", headers=fields))
        if answer.status_code in (503, 504):
            return "refused"  # by a busy machine, which shows nothing
        return "" if is_right(answer) else f"{number}: {answer.status_code} {answer.text[:200]}"

    limits = httpx.Limits(max_connections=THREADS)
    with (
        httpx.Client(limits=limits, timeout=15, verify=False) as client,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        found = list(threads.map(read, range(READS)))
    assert set(found) <= {"", "refused"}
    assert found.count("") > READS * 0.9
