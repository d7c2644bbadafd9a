"""`/cart`: the cart and the order form beneath it."""

import re
from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from contracts.orders import MAX_LINES, MAX_PRODUCT_ID, MAX_QUANTITY
from services.frontend.cart import Cart, CartFull, QuantityOutOfBounds
from services.frontend.checkout import start_checkout
from services.frontend.forms import read_form
from services.frontend.guest import guest_of
from services.frontend.order_pages import new_order_form, summarise
from services.frontend.pages import PRIVATE
from services.frontend.shop import gateway_of, shop_of

router = APIRouter()

_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)


class ChangeNotReadable(ValueError):
    """A form asks for a change of the cart that does not exist."""


@router.get("/cart")
async def show_cart(request: Request) -> Response:
    return await _render_cart(request)


@router.post("/cart")
async def change_cart(request: Request) -> Response:
    """Add, change or remove, then show the cart by another request, so that reloading it
    changes nothing."""
    shop = shop_of(request)
    form = await read_form(request)
    cart = shop.pages.visit(request.scope).cart
    try:
        cart = apply_change(cart, form)
    except QuantityOutOfBounds:
        return await _render_cart(request, error="error_quantity", limit=MAX_QUANTITY)
    except CartFull:
        return await _render_cart(request, error="error_full", limit=MAX_LINES)
    except ChangeNotReadable:
        return await _render_cart(request, error="error_unreadable")
    added = form.get("action") == "add"
    response = RedirectResponse(f"/cart?added={form['product_id']}" if added else "/cart", 303)
    guest_id = guest_of(request.scope).guest_id
    response.headers.append("Set-Cookie", shop.cookies.cart.write(cart, guest_id))
    if cart.lines and not shop.cookies.checkout.read(request.scope["headers"], guest_id):
        checkout = shop.cookies.checkout.write(start_checkout(), guest_id)
        response.headers.append("Set-Cookie", checkout)
    return response


def apply_change(cart: Cart, form: Mapping[str, str]) -> Cart:
    """Raises `ChangeNotReadable`, `QuantityOutOfBounds` or `CartFull`."""
    product_id = _read_number(form.get("product_id", ""))
    if not 1 <= product_id <= MAX_PRODUCT_ID:
        raise ChangeNotReadable
    match form.get("action"):
        case "remove":
            return cart.remove(product_id)
        case "add":
            return cart.add(product_id, _read_quantity(form))
        case "change":
            return cart.change(product_id, _read_quantity(form))
    raise ChangeNotReadable


def _read_number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text.strip()) else 0


def _read_quantity(form: Mapping[str, str]) -> int:
    text = form.get("quantity", "1").strip()
    if not _NUMBER.fullmatch(text):
        raise QuantityOutOfBounds
    return int(text)


async def _render_cart(request: Request, *, error: str = "", limit: int = 0) -> Response:
    shop = shop_of(request)
    visit = shop.pages.visit(request.scope)
    summary = await summarise(gateway_of(request), visit.cart.lines)
    guest_id = guest_of(request.scope).guest_id
    known_checkout = shop.cookies.checkout.read(request.scope["headers"], guest_id)
    checkout = known_checkout or start_checkout()
    response = shop.pages.render(
        visit,
        "cart.html",
        status=422 if error else 200,
        cache_control=PRIVATE,
        summary=summary,
        added=_read_number(request.query_params.get("added", "")),
        error=error,
        limit=limit,
        form=new_order_form(request, summary, checkout) if summary.orderable else None,
        errors={},
        problem="",
    )
    if summary.lines and not known_checkout:
        response.headers.append("Set-Cookie", shop.cookies.checkout.write(checkout, guest_id))
    return response
