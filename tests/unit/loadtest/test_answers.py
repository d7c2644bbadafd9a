"""How the shop's answers are read; those that are right are in test_scenarios.py."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from loadtest import answers
from loadtest.answers import Answer, WrongContent, read_watches


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (answers.product_links, Answer(200, "<h1>Nothing</h1>")),
        (answers.product_links, Answer(302)),
        (answers.product_page, Answer(200, "")),
        (answers.cart_page, Answer(200)),
        (answers.order_form, Answer(200, "<h1>An empty cart</h1>")),
        (answers.order_page, Answer(303, "", "/cart")),
        (answers.order_page, Answer(200, "", "/orders/5f0c0e1e-0000-4000-8000-000000000001")),
        (answers.status_of_page, Answer(200, "")),
        (answers.status_of_json, Answer(200, '{"state": "confirmed"}')),
        (answers.status_of_json, Answer(200, "<html>")),
        (answers.accepted, Answer(200, '{"status_url": "/"}')),
        (answers.product_list, Answer(200, '{"items": []}')),
        (answers.product_list, Answer(200, '{"items": [{}]}')),
        (answers.product_list, Answer(200, "[]")),
    ],
)
def test_an_answer_that_says_something_else_is_wrong_content(
    read: Callable[[Answer], Any], answer: Answer
) -> None:
    with pytest.raises(WrongContent):
        read(answer)


def test_only_watches_of_which_there_are_enough_are_ordered() -> None:
    shared = {"slug": "w", "brand": "Samudra", "price_idr": 1}
    stocks = {1: 19, 2: 20, 3: None, 4: 0, 5: 300}
    items = [{"product_id": one, "stock": stock, **shared} for one, stock in stocks.items()]
    found = read_watches(Answer(200, json.dumps({"items": items})), least_stock=20)
    assert [watch.product_id for watch in found] == [2, 5]
