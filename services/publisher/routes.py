"""`POST /api/orders`."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from contracts.orders import OrderAccepted, status_url_for
from services.publisher.incoming_order import read_order
from services.publisher.orders import OrderPublisher

router = APIRouter()


# The route reads the request itself: FastAPI would answer 422 where 400, 413 or 415 is right.
@router.post("/api/orders")
async def place_order(request: Request) -> Response:
    publisher: OrderPublisher = request.app.state.publisher
    order_id = await publisher.publish(await read_order(request))
    accepted = OrderAccepted(order_id=order_id, status_url=status_url_for(order_id))
    return Response(
        accepted.model_dump_json(),
        status_code=202,
        media_type="application/json",
        headers={"Location": accepted.status_url, "Cache-Control": "no-store"},
    )
