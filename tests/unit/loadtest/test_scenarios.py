"""What a guest of a load run sends in each scenario, and how they read what they get."""

import json
import random
import re
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from loadtest import answers
from loadtest.answers import Answer, Watch
from loadtest.scenarios import ENDED, Request, Shop, SoldOut, run_scenario
from loadtest.workload import SCENARIOS

T = TypeVar("T")

KNOWN = Shop([Watch(7, "orr-pell-7", "Orr & Pell", 5_000_000)])
ORDER = "/orders/5f0c0e1e-0000-4000-8000-000000000001"
FORM = '<form action="/orders">' + "".join(
    f'<input type="hidden" name="{name}" value="{value}">'
    for name, value in (("token", "a&amp;b"), ("key", "k"))
)
CATALOGUE = Answer(200, '<a href="/products/orr-pell-7"></a>')
PRODUCT = Answer(200, '<article class="product">')


def as_json(code: int = 200, /, **content: Any) -> Answer:
    return Answer(code, json.dumps(content))


# What is sent, as a pattern of method, path and body, and what is answered.
Exchange = list[tuple[str, Answer]]
EXCHANGES: dict[str, Exchange] = {
    "browse": [
        ("GET /", CATALOGUE),
        (r"GET /\?page=1", CATALOGUE),
        ("GET /products/orr-pell-7", PRODUCT),
    ],
    # A shop finds nothing by the "&" of "Orr & Pell".
    "search": [(r"GET /\?q=(Orr|Pell)", CATALOGUE), ("GET /products/orr-pell-7", PRODUCT)],
    "read by program": [
        (r"GET /api/products\?sort=[a-z-]+&page=1", as_json(items=[{"product_id": 7}])),
        ("GET /api/products/7", as_json(price_idr=5)),
    ],
    "order by program": [
        ("GET /api/products/7", as_json(price_idr=4_999_000)),
        ('POST /api/orders .*"expected_total_idr": 4999000}', as_json(202, status_url=ORDER)),
        (f"GET {ORDER}", as_json(status="accepted")),
        (f"GET {ORDER}", as_json(status="confirmed")),
    ],
    "order by form": [
        ("GET /products/orr-pell-7", PRODUCT),
        ("POST /cart action=add&product_id=7&quantity=1", Answer(303, "", "/cart?added=7")),
        ("GET /cart", Answer(200, FORM)),
        ("POST /orders token=a%26b&key=k&name=.*", Answer(303, "", ORDER)),
        (f"GET {ORDER}", Answer(200, '<span class="status status-rejected">')),
    ],
}


class ScriptedVisitor:
    def __init__(self, exchange: Exchange) -> None:
        self._left, self.sent, self.planned = list(exchange), list[Request](), 0

    def send(self, request: Request, read: Callable[[Answer], T]) -> T:
        self.planned += 1
        return self._send(request, read)

    def poll(self, request: Request, read_status: Callable[[Answer], str]) -> None:
        status = self.send(request, read_status)
        while status not in ENDED:
            status = self._send(request, read_status)

    def _send(self, request: Request, read: Callable[[Answer], T]) -> T:
        pattern, answer = self._left.pop(0)
        said = f"{request.method} {request.path} {request.body}".strip()
        assert re.fullmatch(pattern, said), said
        self.sent.append(request)
        return read(answer)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_sends_what_is_planned_and_what_the_shop_answered(scenario: str) -> None:
    visitor = ScriptedVisitor(EXCHANGES[scenario])
    run_scenario(scenario, visitor, KNOWN, random.Random(1))
    assert visitor.planned == len(SCENARIOS[scenario].requests)
    assert len(visitor.sent) == len(EXCHANGES[scenario])
    if scenario == "order by program":
        assert len(visitor.sent[1].headers["Idempotency-Key"]) == 36


def test_a_sold_out_watch_is_nobodys_error() -> None:
    without_form = ("GET /cart", Answer(200, '<p class="line-warning">'))
    visitor = ScriptedVisitor([*EXCHANGES["order by form"][:2], without_form])
    with pytest.raises(SoldOut):
        run_scenario("order by form", visitor, KNOWN, random.Random(1))


WRONG = [
    *(("product_links", answer) for answer in (Answer(200, "<h1>Nothing</h1>"), Answer(302))),
    *(("order_form", Answer(200, "<h1>An empty cart</h1>")), ("product_page", Answer(200))),
    *(("cart_page", Answer(200)), ("status_of_page", Answer(200))),
    *(("order_page", answer) for answer in (Answer(303, "", "/cart"), Answer(200, "", ORDER))),
    *(("status_of_json", Answer(200, text)) for text in ('{"state": "confirmed"}', "<html>")),
    ("accepted", as_json(status_url="/")),
    *(("product_list", Answer(200, text)) for text in ('{"items": []}', '{"items": [{}]}', "[]")),
]


@pytest.mark.parametrize(("reader", "answer"), WRONG)
def test_an_answer_that_says_something_else_is_wrong_content(reader: str, answer: Answer) -> None:
    with pytest.raises(answers.WrongContent):
        getattr(answers, reader)(answer)


def test_only_watches_of_which_there_are_enough_are_ordered() -> None:
    shared = {"slug": "w", "brand": "Samudra", "price_idr": 1}
    stocks = {1: 19, 2: 20, 3: None, 4: 0, 5: 300}
    items = [{"product_id": one, "stock": stock, **shared} for one, stock in stocks.items()]
    found = answers.read_watches(as_json(items=items), least_stock=20)
    assert [watch.product_id for watch in found] == [2, 5]
