"""The paths of the public API, and examples of what goes in and out. Tests hold the paths against
the gateway's table and each example against its model."""

from typing import Any

API = "/api"
DESCRIPTION = f"{API}/openapi.json"
PATHS = (
    f"{API}/products",
    f"{API}/products/{{product_id}}",
    f"{API}/brands",
    f"{API}/orders",
    f"{API}/orders/{{order_id}}",
    DESCRIPTION,
)

PRODUCT: dict[str, Any] = {
    "product_id": 17,
    "slug": "samudra-penyelam-200-17",
    "brand": "Samudra",
    "collection": "Penyelam",
    "name": "Penyelam 200",
    "description": "Jam selam baja dengan bezel putar satu arah.",
    "description_en": "A steel diver with a one-way bezel.",
    "movement": "automatic",
    "case_material": "steel",
    "case_mm": 41,
    "strap": "rubber",
    "water_resistance_m": 200,
    "price_idr": 4_850_000,
    "stock": 12,
    "released_on": "2026-03-01",
    "face": "dial=midnight;hands=sword",
}
ORDER_REQUEST: dict[str, Any] = {
    "items": [{"product_id": 17, "quantity": 1}],
    "customer": {
        "name": "Sari Wulandari",
        "email": "sari@example.com",
        "address": "Jl. Merdeka 1, Bandung",
    },
    "expected_total_idr": 4_850_000,
}
ORDER_ID = "6f1c2f5e-7a0e-5d43-9a55-0d0a8d2f6c11"
ORDER: dict[str, Any] = {
    "order_id": ORDER_ID,
    "status": "confirmed",
    "reason": None,
    "items": [{"product_id": 17, "quantity": 1, "unit_price_idr": 4_850_000}],
    "total_idr": 4_850_000,
    "created_at": "2026-11-24T03:15:00.000000Z",
}
# By name of the model.
EXAMPLES: dict[str, dict[str, Any]] = {
    "Product": PRODUCT,
    "ProductPage": {"items": [PRODUCT], "page": 1, "page_size": 24, "total": 1},
    "BrandList": {"items": [{"brand": "Samudra", "products": 18}]},
    "OrderRequest": ORDER_REQUEST,
    "OrderAccepted": {
        "order_id": ORDER_ID,
        "status": "accepted",
        "status_url": f"/api/orders/{ORDER_ID}",
    },
    "OrderView": ORDER,
    "OrderList": {"items": [ORDER]},
}
