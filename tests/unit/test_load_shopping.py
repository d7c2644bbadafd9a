"""What a guest of a load run does, and how the shop's answers are read."""

import json
import random
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from loadtest.mix import KINDS
from loadtest.shopping import (
    ENDED,
    Answer,
    Request,
    Shop,
    SoldOut,
    Watch,
    WrongContent,
    accepted,
    order_form,
    order_page,
    product_links,
    product_list,
    product_page,
    read_watches,
    shop,
    status_of_json,
    status_of_page,
)

KNOWN = Shop([Watch(7, "samudra-biru-7", "Samudra", 5_000_000)])
ORDER = "/orders/5f0c0e1e-0000-4000-8000-000000000001"
FORM = (
    '<form method="post" action="/orders"><input type="hidden" name="token" value="a&amp;b">'
    '<input type="hidden" name="key" value="k"><input type="hidden" name="lines" value="7x1">'
)
PAGE = Answer(200, '<a href="/products/samudra-biru-7"></a>')
PRODUCT = Answer(200, '<article class="product">')


def json_answer(content: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(content))


ANSWERS = {
    "browse": [PAGE, PAGE, PRODUCT],
    "search": [PAGE, PRODUCT],
    "read by program": [
        json_answer({"items": [{"product_id": 7}]}),
        json_answer({"price_idr": 5_000_000}),
    ],
    "order by program": [
        json_answer({"price_idr": 4_999_000}),
        json_answer({"status_url": f"/api{ORDER}"}, 202),
        json_answer({"status": "accepted"}),
        json_answer({"status": "confirmed"}),
    ],
    "order by form": [
        PRODUCT,
        Answer(303, "", "/cart?added=7"),
        Answer(200, FORM),
        Answer(303, "", ORDER),
        Answer(200, '<span class="status status-rejected">'),
    ],
}


T = TypeVar("T")


class Recorder:
    """A Visitor that knows the answers beforehand."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers, self.sent = deque(answers), list[Request]()
        self.clicks = 0

    def click(self, request: Request, read: Callable[[Answer], T]) -> T:
        self.clicks += 1
        return self._send(request, read)

    def follow(self, request: Request, read_status: Callable[[Answer], str]) -> None:
        status = self.click(request, read_status)
        while status not in ENDED:
            status = self._send(request, read_status)

    def _send(self, request: Request, read: Callable[[Answer], T]) -> T:
        self.sent.append(request)
        return read(self.answers.popleft())


def visited(kind: str) -> Recorder:
    recorder = Recorder(ANSWERS[kind])
    shop(recorder, kind, KNOWN, random.Random(1))
    return recorder


def test_guests_search_for_words_that_a_shop_can_find() -> None:
    assert Shop([Watch(1, "orr-pell-1", "Orr & Pell", 1)]).words == ["Orr", "Pell"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_visit_makes_the_clicks_that_are_planned(kind: str) -> None:
    recorder = visited(kind)
    assert recorder.clicks == len(KINDS[kind].clicks)
    assert not recorder.answers


def test_a_program_orders_at_the_price_it_was_told_and_under_a_key_of_its_own() -> None:
    _, order, status, _ = visited("order by program").sent
    assert order.path == "/api/orders"
    assert json.loads(order.body)["expected_total_idr"] == 4_999_000
    assert len(order.headers["Idempotency-Key"]) == 36
    assert status.path == f"/api{ORDER}"


def test_the_form_is_sent_back_as_it_was_shown() -> None:
    *_, order, status = visited("order by form").sent
    assert order.path == "/orders"
    assert order.body.startswith("token=a%26b&key=k&lines=7x1&name=")
    assert status.path == ORDER


def test_a_sold_out_watch_is_nobodys_error() -> None:
    answers = [PRODUCT, Answer(303, "", "/cart"), Answer(200, '<p class="line-warning">')]
    with pytest.raises(SoldOut):
        shop(Recorder(answers), "order by form", KNOWN, random.Random(1))


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (product_links, Answer(200, "<h1>Nothing</h1>")),
        (product_links, Answer(302)),
        (product_page, Answer(200, "")),
        (order_form, Answer(200, "<h1>An empty cart</h1>")),
        (order_page, Answer(303, "", "/cart")),
        (order_page, Answer(200, FORM)),
        (status_of_page, Answer(200, "")),
        (status_of_json, json_answer({"state": "confirmed"})),
        (status_of_json, Answer(200, "<html>")),
        (accepted, json_answer({"status_url": "/"}, 200)),
        (product_list, json_answer({"items": []})),
        (product_list, json_answer({"items": [{}]})),
        (product_list, json_answer([])),
    ],
)
def test_an_answer_that_says_something_else_is_wrong_content(
    read: Callable[[Answer], Any], answer: Answer
) -> None:
    with pytest.raises(WrongContent):
        read(answer)


def test_only_watches_of_which_there_are_enough_are_ordered() -> None:
    def item(product_id: int, stock: int | None) -> dict[str, Any]:
        shared = {"slug": f"w-{product_id}", "brand": "Samudra", "price_idr": 1}
        return {"product_id": product_id, "stock": stock, **shared}

    items = [item(1, 19), item(2, 20), item(3, None), item(4, 0), item(5, 300)]
    found = read_watches(json_answer({"items": items}), least_stock=20)
    assert [watch.product_id for watch in found] == [2, 5]
