"""`/orders`: sending the form, following one order, listing this guest's."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from contracts.identifiers import parse_uuid
from contracts.orders import (
    MAX_LISTED,
    Customer,
    OrderReason,
    OrderStatus,
    OrderView,
)
from servicekit.deadline import remaining_seconds, within
from servicekit.problems import (
    BadGateway,
    DeadlinePassed,
    IdempotencyKeyReused,
    NotFound,
    Problem,
    ServiceUnavailable,
    TooManyRequests,
)
from services.frontend.cart_form import differs
from services.frontend.checkout import (
    OrderForm,
    read_customer,
    read_order_form,
    start_checkout,
)
from services.frontend.forms import read_form
from services.frontend.guest import guest_of
from services.frontend.language import Language, find_language
from services.frontend.order_pages import (
    find_products_if_possible,
    keep_draft,
    keep_note,
    summarise_if_possible,
)
from services.frontend.order_view import first_product, list_order, show_order
from services.frontend.routes.cart import stop_to_look
from services.frontend.shop import gateway_of, shop_of

router = APIRouter()

# What the page says about each way in which sending an order can fail.
_PROBLEMS: dict[type[Problem], str] = {
    IdempotencyKeyReused: "key_reuse",
    TooManyRequests: "busy",
    BadGateway: "unclear",
    DeadlinePassed: "unclear",
    ServiceUnavailable: "unavailable",
}
_REFUSED = "refused"
# Those that nobody behind the shop was asked about.
_OWN_PROBLEMS = frozenset({_REFUSED, "guest", "token"})
# The gateway's own limit is a second shorter than ours; this is less than the difference.
_KEEP_BACK_SECONDS = 0.9
# Seconds until a page without JavaScript asks again.
_REFRESH_SECONDS, _REFRESH_HELD_SECONDS = 2, 30


@router.post("/orders")
async def send_order(request: Request) -> Response:
    shop = shop_of(request)
    guest = guest_of(request.scope)
    fields = await read_form(request)
    form = read_order_form(fields)
    if "language" in fields:
        return await _show_again(request, form, fields)
    if differs(fields, form.lines):
        return await stop_to_look(request, fields, form)
    if not guest.known:
        return await _render_form(request, form, status=401, problem="guest")
    if not shop.form_tokens.is_valid(form.token, guest.guest_id):
        return await _render_form(request, form, status=403, problem="token")
    customer, errors = read_customer(form.typed)
    if customer is None:
        return await _render_form(request, form, status=422, errors=errors)
    return await _post_order(request, form, customer)


async def _show_again(request: Request, form: OrderForm, fields: Mapping[str, str]) -> Response:
    """The page of a form that was not taken, in the other language; nothing is ordered."""
    problem = fields.get("problem", "")
    problem = problem if problem in {*_PROBLEMS.values(), *_OWN_PROBLEMS} else ""
    errors = {} if problem else read_customer(form.typed)[1]
    language = find_language(fields["language"])
    return await _render_form(
        request, form, status=200, problem=problem, errors=errors, language=language
    )


async def _post_order(request: Request, form: OrderForm, customer: Customer) -> Response:
    shop = shop_of(request)
    guest_id = guest_of(request.scope).guest_id
    try:
        async with within(_time_for_posting()):
            order_id = await gateway_of(request).post_order(
                guest_id, form.key, form.order(customer)
            )
    except Problem as problem:
        return await _render_failure(request, form, problem)
    response = RedirectResponse(f"/orders/{order_id}", 303)
    left = shop.pages.visit(request.scope).cart.without(form.lines)
    cookies = shop.cookies
    response.headers.append("Set-Cookie", cookies.cart.write(left, guest_id))
    next_checkout = (
        cookies.checkout.write(start_checkout(), guest_id)
        if left.lines
        else cookies.checkout.remove()
    )
    response.headers.append("Set-Cookie", next_checkout)
    response.headers.append("Set-Cookie", cookies.draft.remove())
    keep_note(response, cookies.receipt.write(form.receipt(order_id), guest_id))
    return response


def _time_for_posting() -> float:
    """Enough is kept back to show the form again before this request's own time is over."""
    left = remaining_seconds() or 0.0
    return max(left - _KEEP_BACK_SECONDS, left / 2)


async def _render_failure(request: Request, form: OrderForm, problem: Problem) -> Response:
    """The same form with the same key: whatever went wrong, it may be sent again."""
    response = await _render_form(
        request,
        form,
        status=problem.status,
        problem=_PROBLEMS.get(type(problem), _REFUSED),
        headers=problem.headers,
    )
    if isinstance(problem, IdempotencyKeyReused):
        # The cart is to offer a new order, not the one that this key stands for.
        guest_id = guest_of(request.scope).guest_id
        fresh = shop_of(request).cookies.checkout.write(start_checkout(), guest_id)
        response.headers.append("Set-Cookie", fresh)
    return response


async def _render_form(
    request: Request,
    form: OrderForm,
    *,
    status: int,
    problem: str = "",
    errors: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    language: Language | None = None,
) -> Response:
    shop = shop_of(request)
    token = shop.form_tokens.create_token(guest_of(request.scope).guest_id)
    summary = await summarise_if_possible(gateway_of(request), form.lines)
    response = shop.pages.render(
        shop.pages.visit(request.scope, chosen=language),
        "checkout.html",
        status=status,
        headers=headers,
        summary=summary,
        form=replace(form, token=token),
        prices=form.prices_by_product or summary.prices_by_product,
        errors=errors or {},
        problem=problem,
        price_changed=summary.complete and summary.total_idr != form.expected_total_idr,
    )
    keep_draft(request, response, form.typed)
    return response


@router.get("/orders/{order_id}")
async def show_one_order(request: Request, order_id: str) -> Response:
    shop = shop_of(request)
    guest = guest_of(request.scope)
    if not guest.known:
        raise NotFound("No such order.")
    order = await gateway_of(request).fetch_order(guest.guest_id, _read_order_id(order_id))
    products = await find_products_if_possible(
        gateway_of(request), (line.product_id for line in order.items)
    )
    receipt = shop.cookies.receipt.read(request.scope["headers"], guest.guest_id)
    return shop.pages.render(
        shop.pages.visit(request.scope),
        "order.html",
        shown=(shown := show_order(order, products, receipt)),
        order=order,
        state=shown.state,
        refresh_seconds=_refresh_seconds(order),
    )


@router.get("/orders")
async def list_orders(request: Request) -> Response:
    shop = shop_of(request)
    guest = guest_of(request.scope)
    orders = await gateway_of(request).fetch_orders(guest.guest_id) if guest.known else ()
    products = await find_products_if_possible(gateway_of(request), map(first_product, orders))
    return shop.pages.render(
        shop.pages.visit(request.scope),
        "orders.html",
        orders=[list_order(order, products) for order in orders],
        limit=MAX_LISTED,
    )


def _read_order_id(text: str) -> UUID:
    order_id = parse_uuid(text)
    if order_id is None:
        raise NotFound("No such order.")
    return order_id


def _refresh_seconds(order: OrderView) -> int | None:
    if order.status is not OrderStatus.ACCEPTED:
        return None
    return _REFRESH_HELD_SECONDS if order.reason is OrderReason.HELD else _REFRESH_SECONDS
