"""What the API description says beyond types: examples, headers, errors."""

from typing import Any

from contracts.orders import OrderList, OrderView
from contracts.products import BrandList, Product, ProductPage
from servicekit.http_server.openapi import ProblemDetails, problem_responses, reference_to
from servicekit.problems import MEDIA_TYPE, DeadlinePassed, Problem, ServiceUnavailable

_EXAMPLE_PRODUCT = {
    "product_id": 1,
    "slug": "kala-wening-hening-putih-anyaman-baja-1",
    "brand": "Kala Wening",
    "collection": "Hening",
    "name": "Hening Putih, Anyaman Baja",
    "description": "Jam tangan yang tenang. Diameter 38 mm.",
    "description_en": "A quiet watch. 38 mm across.",
    "movement": "quartz",
    "case_material": "steel",
    "case_mm": 38,
    "strap": "mesh",
    "water_resistance_m": 30,
    "price_idr": 1_650_000,
    "stock": 12,
    "released_on": "2019-03-01",
    "face": "case=steel;mm=38",
}
_EXAMPLE_ORDER = {
    "order_id": "7d8a5f66-1c0e-5f0b-9a55-0e3d3c1f6a11",
    "status": "confirmed",
    "reason": None,
    "items": [{"product_id": 1, "quantity": 2, "unit_price_idr": 1_650_000}],
    "total_idr": 3_300_000,
    "created_at": "2026-11-24T07:30:00.000000Z",
}
_EXAMPLES: dict[type, Any] = {
    Product: _EXAMPLE_PRODUCT,
    ProductPage: {"items": [_EXAMPLE_PRODUCT], "page": 1, "page_size": 24, "total": 1},
    BrandList: {"items": [{"brand": "Kala Wening", "products": 24}]},
    OrderView: _EXAMPLE_ORDER,
    OrderList: {"items": [_EXAMPLE_ORDER]},
}
_AGE = {
    "Age": {
        "description": "Seconds. Only while the database cannot be asked: the page is of then, "
        "and its stock is null",
        "schema": {"type": "integer"},
    }
}


def describe(model: type, *problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Responses of a route: 200 with an example, and the problems that may come instead."""
    answer: dict[str, Any] = {
        "model": model,
        "description": "Found",
        "content": {"application/json": {"example": _EXAMPLES[model]}},
    }
    if model not in (OrderView, OrderList):
        answer["headers"] = _AGE
    # With a default, FastAPI does not add its own idea of a 422.
    other = {
        "description": "Any other error",
        "content": {MEDIA_TYPE: {"schema": reference_to(ProblemDetails)}},
    }
    return {
        200: answer,
        **problem_responses(*problems, ServiceUnavailable, DeadlinePassed),
        "default": other,
    }
