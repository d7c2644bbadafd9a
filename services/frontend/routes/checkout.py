"""`POST /orders`: one order is sent on, or its form comes back with what is in the way."""

from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from contracts.orders import Customer
from contracts.problems import IdempotencyKeyReused
from servicekit.deadline import remaining_seconds, within
from servicekit.problems import (
    BadGateway,
    DeadlinePassed,
    Problem,
    ServiceUnavailable,
    TooManyRequests,
)
from services.frontend.cart_form import differs
from services.frontend.customer_draft import keep_draft
from services.frontend.forms import FormFields
from services.frontend.gateway_client import GatewayClient
from services.frontend.language import find_language
from services.frontend.order_form import (
    OrderForm,
    read_customer,
    read_order_form,
    start_checkout,
)
from services.frontend.order_summary import summarise_if_possible
from services.frontend.page_context import PageContext
from services.frontend.resources import GatewayDep, Site, SiteDep
from services.frontend.routes.cart import CartAnswer

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
_RESERVED_SECONDS = 0.9


@router.post("/orders")
async def send_order(
    request: Request, fields: FormFields, site: SiteDep, gateway: GatewayDep
) -> Response:
    form = read_order_form(fields)
    page = site.pages.context(request.scope, chosen=find_language(fields.get("language")))
    checkout = Checkout(site, gateway, page, form)
    if "language" in fields:
        return await checkout.show_in_other_language(fields.get("problem", ""))
    if differs(fields, form.lines):
        return await CartAnswer(site, gateway, page, fields).show_changed(form.lines)
    if not page.guest.known:
        return await checkout.show(401, problem="guest")
    if not site.form_tokens.is_valid(form.token, page.guest.guest_id):
        return await checkout.show(403, problem="token")
    customer, errors = read_customer(form.typed)
    if customer is None:
        return await checkout.show(422, errors=errors)
    return await checkout.place_order(customer)


@dataclass(frozen=True)
class Checkout:
    """The answer to an order form that was sent, and what it is made with."""

    site: Site
    gateway: GatewayClient
    page: PageContext
    form: OrderForm

    async def place_order(self, customer: Customer) -> Response:
        form, guest_id = self.form, self.page.guest.guest_id
        try:
            with within(_time_for_posting()):
                order_id = await self.gateway.post_order(guest_id, form.key, form.order(customer))
        except Problem as problem:
            return await self._show_failure(problem)
        response = RedirectResponse(f"/orders/{order_id}", 303)
        cookies, left = self.site.cookies, self.page.cart.without(form.lines)
        cookies.cart.set(response, left, guest_id)
        # The next order is another one, also of the same watches.
        if left.lines:
            cookies.checkout.set(response, start_checkout(), guest_id)
        else:
            cookies.checkout.delete(response)
        cookies.draft.delete(response)
        cookies.receipt.set(response, form.receipt(order_id), guest_id)
        return response

    async def _show_failure(self, problem: Problem) -> Response:
        """The same form with the same key: whatever went wrong, it may be sent again."""
        response = await self.show(
            problem.status,
            problem=_PROBLEMS.get(type(problem), _REFUSED),
            headers=problem.headers,
        )
        if isinstance(problem, IdempotencyKeyReused):
            # The cart is to offer a new order, not the one that this key stands for.
            guest_id = self.page.guest.guest_id
            self.site.cookies.checkout.set(response, start_checkout(), guest_id)
        return response

    async def show_in_other_language(self, problem: str) -> Response:
        """The page of a form that was not taken, once more; nothing is ordered."""
        if problem in {*_PROBLEMS.values(), *_OWN_PROBLEMS}:
            return await self.show(200, problem=problem)
        return await self.show(200, errors=read_customer(self.form.typed)[1])

    async def show(
        self,
        status: int,
        *,
        problem: str = "",
        errors: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """The form, with a token of this guest and all that was typed."""
        site, page, form = self.site, self.page, self.form
        summary = await summarise_if_possible(self.gateway, form.lines)
        token = site.form_tokens.create_token(page.guest.guest_id)
        response = site.pages.render(
            page,
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
        keep_draft(site.cookies, page, response, form.typed)
        return response


def _time_for_posting() -> float:
    """Enough is kept back to show the form again before this request's own time is over."""
    left = remaining_seconds() or 0.0
    return max(left - _RESERVED_SECONDS, left / 2)
