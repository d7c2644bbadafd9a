"""`/cart`: the cart and the order form beneath it, sent as one by each of their buttons."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from contracts.orders import MAX_LINES, MAX_QUANTITY
from services.frontend.cart import Cart, CartFull, QuantityOutOfBounds
from services.frontend.cart_form import (
    ChangeNotReadable,
    change_page,
    fill_again,
    read_added,
    read_number,
    read_quantity,
    show_again,
    typed_quantities,
    wrong_quantities,
)
from services.frontend.checkout import OrderForm, start_checkout
from services.frontend.forms import read_form
from services.frontend.guest import guest_of
from services.frontend.language import find_language
from services.frontend.order_pages import keep_draft, new_order_form, summarise, typed_customer
from services.frontend.routes.products import refuse_added
from services.frontend.shop import gateway_of, shop_of

router = APIRouter()


@router.get("/cart")
async def show_cart(request: Request) -> Response:
    return await _render_cart(request, {})


@router.post("/cart")
async def change_cart(request: Request) -> Response:
    """Add, change or remove, then show the cart by another request, so that reloading it
    changes nothing."""
    form = await read_form(request)
    cart = shop_of(request).pages.visit(request.scope).cart
    action = form.get("action", "")
    try:
        if action == "add":
            return await _add(request, form, cart)
        if action == "refill":
            return _lead_to_cart(request, form, fill_again(cart, form))
        return _lead_to_cart(request, form, change_page(cart, form))
    except QuantityOutOfBounds:
        return await _render_cart(request, form, error="error_quantity", limit=MAX_QUANTITY)
    except CartFull:
        return await _render_cart(request, form, error="error_full", limit=MAX_LINES)
    except ChangeNotReadable:
        return await _render_cart(request, form, error="error_unreadable")


async def stop_to_look(request: Request, form: Mapping[str, str], order: OrderForm) -> Response:
    """In place of an order of other quantities than its page shows: the cart with those, to be
    looked at once more."""
    cart = shop_of(request).pages.visit(request.scope).cart
    try:
        return _lead_to_cart(request, form, show_again(cart, form, order.lines), "?changed=1")
    except QuantityOutOfBounds:
        return await _render_cart(request, form, error="error_quantity", limit=MAX_QUANTITY)
    except CartFull:
        return await _render_cart(request, form, error="error_full", limit=MAX_LINES)


async def _add(request: Request, form: Mapping[str, str], cart: Cart) -> Response:
    product_id = read_added(form)
    try:
        cart = cart.add(product_id, read_quantity(form.get("quantity", "1")))
    except QuantityOutOfBounds:
        return await refuse_added(request, form, "error_quantity", MAX_QUANTITY)
    except CartFull:
        return await refuse_added(request, form, "error_full", MAX_LINES)
    return _lead_to_cart(request, form, cart, f"?added={product_id}")


def _lead_to_cart(
    request: Request, form: Mapping[str, str], cart: Cart, query: str = ""
) -> Response:
    shop = shop_of(request)
    response = RedirectResponse(f"/cart{query}", 303)
    cookies, guest_id = shop.cookies, guest_of(request.scope).guest_id
    response.headers.append("Set-Cookie", cookies.cart.write(cart, guest_id))
    if cart.lines and not cookies.checkout.read(request.scope["headers"], guest_id):
        response.headers.append("Set-Cookie", cookies.checkout.write(start_checkout(), guest_id))
    if language := find_language(form.get("language")):
        response.headers.append("Set-Cookie", cookies.language.write(language))
    keep_draft(request, response, form)
    return response


async def _render_cart(
    request: Request, form: Mapping[str, str], *, error: str = "", limit: int = 0
) -> Response:
    shop = shop_of(request)
    visit = shop.pages.visit(request.scope, chosen=find_language(form.get("language")))
    summary = await summarise(gateway_of(request), visit.cart.lines)
    guest_id = guest_of(request.scope).guest_id
    known_checkout = shop.cookies.checkout.read(request.scope["headers"], guest_id)
    checkout = known_checkout or start_checkout()
    added = read_number(request.query_params.get("added", ""))
    response = shop.pages.render(
        visit,
        "cart.html",
        status=422 if error else 200,
        summary=summary,
        added=added,
        # Whoever comes from a product with nothing at all keeps no cookies.
        cookies_refused=bool(added) and not guest_of(request.scope).known,
        changed="changed" in request.query_params,
        quantities=typed_quantities(form),
        wrong=wrong_quantities(form),
        error=error,
        limit=limit,
        form=new_order_form(request, summary, checkout, typed_customer(request, form)),
        errors={},
    )
    if summary.lines and not known_checkout:
        response.headers.append("Set-Cookie", shop.cookies.checkout.write(checkout, guest_id))
    keep_draft(request, response, form)
    return response
