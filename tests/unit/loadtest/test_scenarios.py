"""What a guest of a load run sends in each scenario."""

import json
import random
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from loadtest.answers import Answer, Watch
from loadtest.scenarios import ENDED, Request, Shop, SoldOut, run_scenario
from loadtest.workload import SCENARIOS

T = TypeVar("T")

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
    "read by program": [json_answer({"items": [{"product_id": 7}]}), json_answer({"price_idr": 5})],
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


class Recorder:
    """A Visitor that knows the answers beforehand."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers, self.sent = deque(answers), list[Request]()
        self.planned = 0

    def send(self, request: Request, read: Callable[[Answer], T]) -> T:
        self.planned += 1
        return self._send(request, read)

    def poll(self, request: Request, read_status: Callable[[Answer], str]) -> None:
        status = self.send(request, read_status)
        while status not in ENDED:
            status = self._send(request, read_status)

    def _send(self, request: Request, read: Callable[[Answer], T]) -> T:
        self.sent.append(request)
        return read(self.answers.popleft())


def visited(scenario: str) -> Recorder:
    recorder = Recorder(ANSWERS[scenario])
    run_scenario(scenario, recorder, KNOWN, random.Random(1))
    return recorder


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_sends_the_requests_that_are_planned(scenario: str) -> None:
    recorder = visited(scenario)
    assert recorder.planned == len(SCENARIOS[scenario].requests)
    assert not recorder.answers


def test_guests_search_for_words_that_a_shop_can_find() -> None:
    assert Shop([Watch(1, "orr-pell-1", "Orr & Pell", 1)]).words == ["Orr", "Pell"]


def test_a_program_orders_at_the_price_it_was_told_and_under_a_key_of_its_own() -> None:
    _, order, status, _ = visited("order by program").sent
    assert (order.method, order.path) == ("POST", "/api/orders")
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
        run_scenario("order by form", Recorder(answers), KNOWN, random.Random(1))
