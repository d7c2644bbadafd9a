"""`POST /api/orders`."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from contracts.headers import GUEST, IDEMPOTENCY_KEY
from contracts.orders import OrderAccepted, OrderRequest, status_url_for
from servicekit.http_server.openapi import json_body, problem_responses
from servicekit.problems import (
    BadRequest,
    BodyTooLarge,
    DeadlinePassed,
    GuestRequired,
    IdempotencyKeyReused,
    ServiceUnavailable,
    Unprocessable,
    UnsupportedMediaType,
)
from services.publisher.intake import read_order
from services.publisher.publishing import OrderPublisher

router = APIRouter()

_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": OrderAccepted,
        "description": "The order is on disk and will be confirmed or rejected",
        "headers": {"Location": {"description": "Its status", "schema": {"type": "string"}}},
    }
}
_PROBLEMS = problem_responses(
    BadRequest,
    GuestRequired,
    BodyTooLarge,
    UnsupportedMediaType,
    Unprocessable,
    IdempotencyKeyReused,
    ServiceUnavailable,
    DeadlinePassed,
)
_PARAMETERS = [
    {
        "name": IDEMPOTENCY_KEY,
        "in": "header",
        "required": True,
        "description": "Chosen by the client, new for each order; repeating it repeats the order",
        "schema": {"type": "string", "pattern": "^[ -~]{1,255}$"},
        "example": "f2b1c0de-7c39-4a76-9d62-0e6a2f1f3d11",
    },
    {
        "name": GUEST,
        "in": "header",
        "required": True,
        "description": "Set by the frontend from its signed cookie",
        "schema": {"type": "string", "format": "uuid"},
    },
]


# The route reads the request itself: FastAPI would answer 422 where 400, 413 or 415 is right.
@router.post(
    "/api/orders",
    status_code=202,
    responses=_ACCEPTED | _PROBLEMS,
    openapi_extra={**json_body(OrderRequest), "parameters": _PARAMETERS},
    summary="Place an order",
)
async def place_order(request: Request) -> Response:
    incoming = await read_order(request)
    publisher: OrderPublisher = request.app.state.publisher
    order_id = await publisher.publish(incoming)
    accepted = OrderAccepted(order_id=order_id, status_url=status_url_for(order_id))
    return Response(
        accepted.model_dump_json(),
        status_code=202,
        media_type="application/json",
        headers={"Location": accepted.status_url, "Cache-Control": "no-store"},
    )
