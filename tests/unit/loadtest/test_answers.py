"""How the shop's answers are read; those that are right are in test_scenarios.py."""

import json

import pytest

from loadtest import answers
from loadtest.answers import Answer, WrongContent, read_watches

ORDER = "/orders/5f0c0e1e-0000-4000-8000-000000000001"
WRONG = [
    ("product_links", Answer(200, "<h1>Nothing</h1>")),
    ("product_links", Answer(302)),
    ("product_page", Answer(200, "")),
    ("cart_page", Answer(200)),
    ("order_form", Answer(200, "<h1>An empty cart</h1>")),
    ("order_page", Answer(303, "", "/cart")),
    ("order_page", Answer(200, "", ORDER)),
    ("status_of_page", Answer(200, "")),
    ("status_of_json", Answer(200, '{"state": "confirmed"}')),
    ("status_of_json", Answer(200, "<html>")),
    ("accepted", Answer(200, '{"status_url": "/"}')),
    *(("product_list", Answer(200, text)) for text in ('{"items": []}', '{"items": [{}]}', "[]")),
]


@pytest.mark.parametrize(("reader", "answer"), WRONG)
def test_an_answer_that_says_something_else_is_wrong_content(reader: str, answer: Answer) -> None:
    with pytest.raises(WrongContent):
        getattr(answers, reader)(answer)


def test_only_watches_of_which_there_are_enough_are_ordered() -> None:
    shared = {"slug": "w", "brand": "Samudra", "price_idr": 1}
    stocks = {1: 19, 2: 20, 3: None, 4: 0, 5: 300}
    items = [{"product_id": one, "stock": stock, **shared} for one, stock in stocks.items()]
    found = read_watches(Answer(200, json.dumps({"items": items})), least_stock=20)
    assert [watch.product_id for watch in found] == [2, 5]
