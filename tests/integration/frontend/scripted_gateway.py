"""A gateway that does what a test tells it: the seed catalogue, orders in memory, failures on
request. Serve it with `tests.asgi.served`."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts.headers import GUEST, IDEMPOTENCY_KEY
from contracts.orders import OrderRequest, order_id_for
from contracts.products import Product
from database.catalogue import create_catalogue
from database.words import words_of

CATALOGUE = create_catalogue()
_METHODS = ["GET", "POST", "PUT", "DELETE"]


def problem(status: int, slug: str = "scripted", **headers: str) -> Response:
    body = {"type": f"urn:arloji:problem:{slug}", "title": slug, "status": status, "detail": slug}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse(body, status, headers=names, media_type="application/problem+json")


@dataclass
class Call:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]


@cache
def _seed_products() -> dict[int, Product]:
    products = {}
    for item in CATALOGUE:
        values = asdict(item)
        # Prices of the seed are round; a sum that is rounded by mistake would not be seen.
        values["price_idr"] += item.product_id
        values["description"] = values.pop("description_id")
        products[item.product_id] = Product(**values)
    return products


@dataclass
class ScriptedGateway:
    """`answers` maps `"METHOD /path"` to what is said instead; with `silence` nothing is
    said until it is set."""

    products: dict[int, Product] = field(default_factory=lambda: dict(_seed_products()))
    orders: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, Callable[[], Response]] = field(default_factory=dict)
    silence: asyncio.Event | None = None
    calls: list[Call] = field(default_factory=list)

    def app(self) -> Starlette:
        healthz = Route("/healthz", lambda _request: JSONResponse({"status": "ok"}))
        return Starlette(
            routes=[healthz, Route("/api/{path:path}", self._answer, methods=_METHODS)]
        )

    def reset(self) -> None:
        """As new."""
        vars(self).update(vars(ScriptedGateway()))

    def search(self, query: dict[str, str]) -> Response:
        """Newest first, whatever order is asked for."""
        found = [product for product in self.products.values() if _fits(product, query)]
        found.sort(key=lambda product: -product.product_id)
        page, size = int(query.get("page", 1)), int(query.get("page_size", 24))
        shown = found[(page - 1) * size : page * size]
        items = [product.model_dump(mode="json") for product in shown]
        body = {"items": items, "page": page, "page_size": size, "total": len(found)}
        return JSONResponse(body)

    def calls_to(self, method: str, path: str) -> list[Call]:
        return [call for call in self.calls if (call.method, call.path) == (method, path)]

    def keep_only(self, *product_ids: int) -> None:
        """A small catalogue, for tests of other things."""
        self.products = {number: self.products[number] for number in product_ids}

    def change_product(self, product_id: int, **values: Any) -> Product:
        old = self.products[product_id]
        self.products[product_id] = Product(**{**old.model_dump(), **values})
        return self.products[product_id]

    def settle(self, order_id: str, status: str, reason: str | None = None) -> None:
        order = next(order for (_, known), order in self.orders.items() if known == order_id)
        order |= {"status": status, "reason": reason}
        # A stored order has lost the order of its cart.
        lines = sorted(order["items"], key=lambda line: line["product_id"])
        order["items"] = lines
        if status == "confirmed":
            for line in lines:
                line["unit_price_idr"] = self.products[line["product_id"]].price_idr
            order["total_idr"] = sum(line["unit_price_idr"] * line["quantity"] for line in lines)

    async def _answer(self, request: Request) -> Response:
        call = Call(
            request.method,
            request.scope["path"],
            dict(request.query_params),
            [(key.decode(), value.decode("latin-1")) for key, value in request.scope["headers"]],
            await request.body(),
        )
        self.calls.append(call)
        if self.silence:
            await self.silence.wait()
        if scripted := self.answers.get(f"{call.method} {call.path}"):
            return scripted()
        return self._serve(call)

    def _serve(self, call: Call) -> Response:
        guest = (call.all(GUEST) or [""])[0]
        parts = call.path.split("/")[2:]
        match [call.method, *parts]:
            case ["GET", "products"]:
                return self.search(call.query)
            case ["GET", "products", number] if int(number) in self.products:
                return _json(self.products[int(number)])
            case ["GET", "brands"]:
                return self._brands()
            case ["GET", "orders"]:
                mine = [order for (owner, _), order in self.orders.items() if owner == guest]
                return JSONResponse({"items": mine[::-1]})
            case ["GET", "orders", order_id] if (guest, order_id) in self.orders:
                return JSONResponse(self.orders[guest, order_id])
            case ["POST", "orders"]:
                return self.accept(call)
            case ["GET", "openapi.json"]:
                return JSONResponse({"openapi": "3.1.0"})
        return problem(404, "not-found")

    def accept(self, call: Call) -> Response:
        (guest,) = call.all(GUEST)
        order = OrderRequest.model_validate_json(call.body)
        order_id = str(order_id_for(UUID(guest), call.all(IDEMPOTENCY_KEY)[0]))
        self.orders.setdefault(
            (guest, order_id),
            {
                "order_id": order_id,
                "status": "accepted",
                "reason": None,
                "items": [{**line.model_dump(), "unit_price_idr": None} for line in order.items],
                "total_idr": None,
                "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            },
        )
        url = f"/api/orders/{order_id}"
        body = {"order_id": order_id, "status": "accepted", "status_url": url}
        return JSONResponse(body, 202, headers={"Location": url})

    def _brands(self) -> Response:
        names = [product.brand for product in self.products.values()]
        items = [{"brand": name, "products": names.count(name)} for name in sorted(set(names))]
        return JSONResponse({"items": items})


def _fits(product: Product, query: dict[str, str]) -> bool:
    words = words_of(f"{product.brand} {product.collection} {product.name}")
    wanted = words_of(query.get("q", ""))
    ids = query.get("ids", "")
    return (
        all(any(word.startswith(prefix) for word in words) for prefix in wanted)
        and query.get("brand", product.brand) == product.brand
        and int(query.get("min_price", 0)) <= product.price_idr
        and product.price_idr <= int(query.get("max_price", 10**15))
        and (not ids or str(product.product_id) in ids.split(","))
    )


def _json(model: Product) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")
