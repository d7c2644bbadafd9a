"""What the description of the API says in words, as no schema can, for Schemathesis: it loads this
file."""

import unicodedata
import uuid
from typing import Any

import schemathesis

from contracts.api import ORDER_REQUEST
from contracts.products import MAX_QUERY_WORDS
from database.words import words_of

_ordered: dict[str, Any] = {}


@schemathesis.hook
def before_call(_context: Any, case: Any, **_options: Any) -> None:
    query = case.query or {}
    prices = [str(query.get(name, "")) for name in ("min_price", "max_price")]
    if all(price.isdecimal() for price in prices) and int(prices[0]) > int(prices[1]):
        query["max_price"] = query["min_price"]
    if case.meta.generation.mode.is_positive:
        if len(words_of(str(query.get("q", "")))) > MAX_QUERY_WORDS:
            query["q"] = query["q"][:MAX_QUERY_WORDS]
        if isinstance(case.body, dict):
            case.body = _as_told(case.body)
    # One key is one order.
    key = (case.headers or {}).get("Idempotency-Key")
    if key and _ordered.setdefault(key, case.body) != case.body:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())


def _as_told(order: dict[str, Any]) -> dict[str, Any]:
    """An order that fits the schema: whole numbers without a fraction, which are the same to JSON
    Schema, each product once, and text that people can read."""
    lines = [{name: int(value) for name, value in line.items()} for line in order["items"]]
    told = {**order, "items": list({line["product_id"]: line for line in lines}.values())}
    if isinstance(total := order.get("expected_total_idr"), float):
        told["expected_total_idr"] = int(total)
    if not all(_is_readable(text) for text in order["customer"].values()):
        told["customer"] = ORDER_REQUEST["customer"]
    return told


def _is_readable(text: str) -> bool:
    """Of letters, digits and signs, in one line."""
    return text == text.strip() and all(
        c == " " or unicodedata.category(c)[0] in "LNPS" for c in text
    )
