"""`/cart`: the cart and the order form beneath it, sent as one by each of their buttons."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from contracts.orders import MAX_LINES, MAX_QUANTITY, OrderLine
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
from services.frontend.customer_draft import keep_draft, typed_customer
from services.frontend.forms import FormFields
from services.frontend.gateway_client import GatewayClient
from services.frontend.language import find_language
from services.frontend.order_form import new_order_form, start_checkout
from services.frontend.order_summary import summarise
from services.frontend.page_context import PageContext
from services.frontend.resources import GatewayDep, Site, SiteDep
from services.frontend.routes.products import render_refused_product

router = APIRouter()


@router.get("/cart")
async def show_cart(request: Request, site: SiteDep, gateway: GatewayDep) -> Response:
    page = site.pages.context(request.scope)
    return await CartAnswer(site, gateway, page, {}).render()


@router.post("/cart")
async def change_cart(
    request: Request, form: FormFields, site: SiteDep, gateway: GatewayDep
) -> Response:
    """Add, change or remove, then show the cart by another request, so that reloading it
    changes nothing."""
    page = site.pages.context(request.scope, chosen=find_language(form.get("language")))
    answer = CartAnswer(site, gateway, page, form)
    try:
        match form.get("action", ""):
            case "add":
                return await answer.add(read_added(form))
            case "refill":
                return answer.redirect(fill_again(page.cart, form))
            case _:
                return answer.redirect(change_page(page.cart, form))
    except QuantityOutOfBounds:
        return await answer.render(error="error_quantity", limit=MAX_QUANTITY)
    except CartFull:
        return await answer.render(error="error_full", limit=MAX_LINES)
    except ChangeNotReadable:
        return await answer.render(error="error_unreadable")


@dataclass(frozen=True)
class CartAnswer:
    """The answer to a form that concerns the cart, and what it is made with."""

    site: Site
    gateway: GatewayClient
    page: PageContext
    form: Mapping[str, str]

    async def add(self, product_id: int) -> Response:
        """Where it cannot be added, the watch again, with what is wrong."""
        quantity = self.form.get("quantity", "1")
        try:
            cart = self.page.cart.add(product_id, read_quantity(quantity))
        except QuantityOutOfBounds:
            return await self._show_product(product_id, quantity, "error_quantity", MAX_QUANTITY)
        except CartFull:
            return await self._show_product(product_id, quantity, "error_full", MAX_LINES)
        return self.redirect(cart, f"?added={product_id}")

    async def _show_product(
        self, product_id: int, quantity: str, error: str, limit: int
    ) -> Response:
        product = (await self.gateway.fetch_product(product_id)).read()
        return render_refused_product(
            self.site, self.page.request, product, quantity=quantity, error=error, limit=limit
        )

    async def show_changed(self, lines: tuple[OrderLine, ...]) -> Response:
        """In place of an order of other quantities than its page shows: the cart with those, to
        be looked at once more."""
        try:
            return self.redirect(show_again(self.page.cart, self.form, lines), "?changed=1")
        except QuantityOutOfBounds:
            return await self.render(error="error_quantity", limit=MAX_QUANTITY)
        except CartFull:
            return await self.render(error="error_full", limit=MAX_LINES)

    def redirect(self, cart: Cart, query: str = "") -> Response:
        cookies, page, guest_id = self.site.cookies, self.page, self.page.guest.guest_id
        response = RedirectResponse(f"/cart{query}", 303)
        cookies.cart.set(response, cart, guest_id)
        if cart.lines and not cookies.checkout.read(page.headers, guest_id):
            cookies.checkout.set(response, start_checkout(), guest_id)
        if language := find_language(self.form.get("language")):
            cookies.language.set(response, language)
        keep_draft(cookies, page, response, self.form)
        return response

    async def render(self, *, error: str = "", limit: int = 0) -> Response:
        site, page, guest = self.site, self.page, self.page.guest
        summary = await summarise(self.gateway, page.cart.lines)
        known_checkout = site.cookies.checkout.read(page.headers, guest.guest_id)
        checkout = known_checkout or start_checkout()
        added = read_number(page.request.query_params.get("added", ""))
        response = site.pages.render(
            page,
            "cart.html",
            status=422 if error else 200,
            summary=summary,
            added=added,
            # Whoever comes from a product with nothing at all keeps no cookies.
            cookies_refused=bool(added) and not guest.known,
            changed="changed" in page.request.query_params,
            quantities=typed_quantities(self.form),
            wrong=wrong_quantities(self.form),
            error=error,
            limit=limit,
            form=new_order_form(
                summary,
                checkout=checkout,
                token=site.form_tokens.create_token(guest.guest_id),
                typed=typed_customer(site.cookies, page, self.form),
            ),
            errors={},
        )
        if summary.lines and not known_checkout:
            site.cookies.checkout.set(response, checkout, guest.guest_id)
        keep_draft(site.cookies, page, response, self.form)
        return response
