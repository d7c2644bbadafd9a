"""`POST /api/orders`."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.orders import OrderAccepted, status_url_for
from services.publisher.incoming_order import read_order
from services.publisher.orders import OrderPublisher


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


# Starlette's: it reads the request itself, since FastAPI would answer 422 where 400, 413 or 415 is
# right. For its own errors FastAPI would also look up, with the first order, on which line of which
# file its endpoint is.
ROUTES = [Route("/api/orders", place_order, methods=["POST"])]
