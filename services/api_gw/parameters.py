"""What a request to the public API may say, beside an order's body."""

from collections.abc import Mapping
from typing import Any

from contracts.api import ORDER_ID, PRODUCT
from contracts.orders import MAX_PRODUCT_ID
from contracts.products import (
    DEFAULT_PAGE_SIZE,
    MAX_BRAND_LENGTH,
    MAX_IDS,
    MAX_PAGE,
    MAX_PAGE_SIZE,
    MAX_PRICE_IDR,
    MAX_QUERY_LENGTH,
    MAX_QUERY_WORDS,
    ProductSort,
)

Schema = dict[str, Any]


def _integer(low: int, high: int, **more: object) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high, **more}


PATH_PARAMETERS: Mapping[str, Schema] = {
    "product_id": {"schema": _integer(1, MAX_PRODUCT_ID), "example": PRODUCT["product_id"]},
    "order_id": {"schema": {"type": "string", "format": "uuid"}, "example": ORDER_ID},
}


def _or_empty(schema: Schema) -> Schema:
    """As a form sends a field that was left alone: it counts as absent."""
    return {"anyOf": [schema, {"type": "string", "maxLength": 0}]}


QUERY_PARAMETERS: Mapping[str, tuple[str, Schema]] = {
    "q": (
        f"At most {MAX_QUERY_WORDS} words; each must begin a word of brand, collection or name",
        {"type": "string", "maxLength": MAX_QUERY_LENGTH},
    ),
    "brand": ("Exactly this brand", {"type": "string", "maxLength": MAX_BRAND_LENGTH}),
    "min_price": ("Rupiah", _or_empty(_integer(0, MAX_PRICE_IDR))),
    "max_price": ("Rupiah, not below `min_price`", _or_empty(_integer(0, MAX_PRICE_IDR))),
    "ids": (
        f"At most {MAX_IDS} product ids, by commas",
        {"type": "array", "maxItems": MAX_IDS, "items": _integer(1, MAX_PRODUCT_ID)},
    ),
    "sort": (
        "Ties by product_id",
        _or_empty(
            {
                "type": "string",
                "enum": [sort.value for sort in ProductSort],
                "default": ProductSort.NAME.value,
            }
        ),
    ),
    "page": ("From 1; past the end it has no items", _or_empty(_integer(1, MAX_PAGE, default=1))),
    "page_size": (
        "Items on a page",
        _or_empty(_integer(1, MAX_PAGE_SIZE, default=DEFAULT_PAGE_SIZE)),
    ),
}
KEY_HEADER: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Names the order: the same guest and key are the same order, at any age",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "example": "0b8d3c1e-order-1",
}
