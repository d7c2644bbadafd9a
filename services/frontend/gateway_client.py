"""What the shop asks of the API gateway, the only thing behind it that it knows."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from pydantic import BaseModel, ValidationError

from contracts.headers import GUEST, IDEMPOTENCY_KEY
from contracts.orders import OrderAccepted, OrderList, OrderRequest, OrderView
from contracts.problems import IdempotencyKeyReused
from contracts.products import MAX_IDS, BrandList, Product, ProductPage
from servicekit.deadline import within
from servicekit.http_client.failures import ConnectionFailed
from servicekit.http_client.fetching import Fetched, fetch
from servicekit.http_client.remote_service import RemoteService
from servicekit.problems import (
    BadGateway,
    DeadlinePassed,
    NotFound,
    Problem,
    ServiceUnavailable,
    TooManyRequests,
    Unprocessable,
)
from servicekit.recent import Recent
from services.frontend.api_description import ApiDescription
from services.frontend.last_known import LastKnown

M = TypeVar("M", bound=BaseModel)

_REFUSALS: Mapping[int, type[Problem]] = {
    404: NotFound,
    422: Unprocessable,
    429: TooManyRequests,
}


# Of answers that are the same for everybody; a parsed one takes a few times its bytes.
_MAX_PARSED_BYTES = 2 * 2**20


_KNOWN_SECONDS = 1.0
# What may be otherwise in a moment.
_NOT_NOW = (BadGateway, DeadlinePassed, ServiceUnavailable)


class Answer(Generic[M]):
    """What the gateway said to everybody alike. It is parsed when it is needed, and once for as
    long as the bytes stay the same. With an age it is what was known then, without the stock."""

    def __init__(
        self,
        model: type[M],
        body: bytes,
        parsed: "Recent[tuple[type[BaseModel], bytes], Any]",
        age_seconds: int | None = None,
    ) -> None:
        self.body, self.age_seconds = body, age_seconds
        self._model, self._parsed = model, parsed

    def read(self) -> M:
        """Raises `BadGateway`."""
        key = self._model, self.body
        found: M | None = self._parsed.get(key)
        if found is None:
            found = _parse(self._model, self.body)
            self._parsed.put(key, found, len(self.body))
        return found


class GatewayClient:
    """Answers as contracts; every refusal and every failure as a `Problem`. Orders go by `orders`,
    all the rest by `reads`. What is the same for everybody is answered from memory if it cannot be
    had in time, for which `on_stale` is called."""

    def __init__(
        self,
        reads: RemoteService,
        orders: RemoteService,
        on_stale: Callable[[], None] = lambda: None,
    ) -> None:
        self._reads, self._orders, self._on_stale = reads, orders, on_stale
        self._last_known = LastKnown()
        self._parsed: Recent[tuple[type[BaseModel], bytes], Any] = Recent(_MAX_PARSED_BYTES)

    async def fetch_products(self, parameters: Mapping[str, str]) -> Answer[ProductPage]:
        return await self._get_shared(ProductPage, "/api/products", parameters)

    async def find_products(self, product_ids: Iterable[int]) -> dict[int, Product]:
        """Those of the ids that are sold, by id; asked for by `MAX_IDS` at a time."""
        wanted = list(dict.fromkeys(product_ids))
        known = self._last_known.find(wanted) if wanted else {}
        try:
            with self._limited(known=len(known) == len(wanted)):
                pages = await asyncio.gather(
                    *(
                        self._find(wanted[start : start + MAX_IDS])
                        for start in range(0, len(wanted), MAX_IDS)
                    )
                )
        except _NOT_NOW:
            if len(known) < len(wanted):
                raise
            self._on_stale()
            return known
        return {product.product_id: product for page in pages for product in page.read().items}

    async def _find(self, product_ids: list[int]) -> Answer[ProductPage]:
        parameters = {"ids": ",".join(map(str, product_ids)), "page_size": str(MAX_IDS)}
        return self._answer(ProductPage, await self._get("/api/products", parameters=parameters))

    async def fetch_product(self, product_id: int) -> Answer[Product]:
        return await self._get_shared(Product, f"/api/products/{product_id}")

    async def fetch_brands(self) -> Answer[BrandList]:
        return await self._get_shared(BrandList, "/api/brands")

    async def fetch_description(self) -> Answer[ApiDescription]:
        return self._answer(ApiDescription, await self._get("/api/openapi.json"))

    async def fetch_order(self, guest_id: UUID, order_id: UUID) -> OrderView:
        return _read(OrderView, await self._get(f"/api/orders/{order_id}", guest_id=guest_id))

    async def fetch_orders(self, guest_id: UUID) -> tuple[OrderView, ...]:
        return _read(OrderList, await self._get("/api/orders", guest_id=guest_id)).items

    async def post_order(self, guest_id: UUID, key: str, order: OrderRequest) -> UUID:
        """The id of the accepted order. After any failure the same key is safe to repeat."""
        answer = await self._fetch(
            self._orders,
            "POST",
            "/api/orders",
            json=order.model_dump(mode="json"),
            headers={GUEST: str(guest_id), IDEMPOTENCY_KEY: key},
        )
        return _read(OrderAccepted, answer).order_id

    async def _get_shared(
        self, model: type[M], path: str, parameters: Mapping[str, str] | None = None
    ) -> Answer[M]:
        target = f"{path}?{urlencode(parameters or {})}"
        known = self._last_known.recall(target)
        try:
            with self._limited(known=known is not None):
                answer = self._answer(model, await self._get(path, parameters=parameters))
        except _NOT_NOW:
            if known is None:
                raise
            self._on_stale()
            age = self._last_known.age_seconds(known)
            return Answer(model, known.without_stock, self._parsed, age)
        if answer.age_seconds is None:
            self._last_known.keep(target, model, answer.body)
        return answer

    @staticmethod
    def _limited(*, known: bool) -> AbstractContextManager[None]:
        """Who knows an answer already does not wait long for a newer one."""
        return within(_KNOWN_SECONDS) if known else nullcontext()

    def _answer(self, model: type[M], answer: Fetched) -> Answer[M]:
        _require_success(answer)
        age = answer.header(b"age")
        return Answer(model, answer.body, self._parsed, int(age) if age.isdigit() else None)

    async def _get(
        self,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        guest_id: UUID | None = None,
    ) -> Fetched:
        headers = {GUEST: str(guest_id)} if guest_id else {}
        return await self._fetch(self._reads, "GET", path, params=parameters, headers=headers)

    async def _fetch(
        self, service: RemoteService, method: str, path: str, **request: Any
    ) -> Fetched:
        try:
            return await fetch(service, method, path, **request)
        except BadGateway as problem:
            # Not there is not broken: to a guest it means "come back in a moment".
            if isinstance(problem.__cause__, ConnectionFailed):
                raise ServiceUnavailable(problem.detail) from problem
            raise


def _read(model: type[M], answer: Fetched) -> M:
    _require_success(answer)
    return _parse(model, answer.body)


def _require_success(answer: Fetched) -> None:
    if not answer.is_success:
        raise _refusal(answer)


def _parse(model: type[M], body: bytes) -> M:
    try:
        # A newer service may say more than we know of.
        return model.model_validate_json(body, extra="ignore")
    except ValidationError as error:
        raise BadGateway("The gateway's answer cannot be read.") from error


def _refusal(answer: Fetched) -> Problem:
    """The gateway's problem, in our own words."""
    detail = f"The gateway answered {answer.status}."
    retry_after = answer.header(b"retry-after")
    if answer.status == 422 and _slug(answer) == IdempotencyKeyReused.slug:
        return IdempotencyKeyReused(detail)
    kind = _REFUSALS.get(answer.status, BadGateway)
    headers = {"Retry-After": retry_after} if kind is TooManyRequests and retry_after else {}
    return kind(detail, headers=headers)


def _slug(answer: Fetched) -> str:
    try:
        kind = answer.json()["type"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(kind).rpartition(":")[2]
