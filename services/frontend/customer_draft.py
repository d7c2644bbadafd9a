"""What a customer typed, so that it is there the next time; their browser alone keeps it."""

from collections.abc import Mapping

from starlette.responses import Response

from services.frontend.cookies import ShopCookies
from services.frontend.order_form import FIELDS, typed_fields
from services.frontend.page_context import PageContext


def typed_customer(
    cookies: ShopCookies, page: PageContext, form: Mapping[str, str]
) -> dict[str, str]:
    """What was typed: into this form, or lately; otherwise what the last order was sent with."""
    if form.keys() & set(FIELDS):
        return typed_fields(form)
    known = cookies.draft.read(page.headers, page.guest.guest_id)
    if not known:
        receipt = cookies.receipt.read(page.headers, page.guest.guest_id) or {}
        known = receipt.get("customer", {})
    return {name: str(known.get(name, "")) for name in FIELDS}


def keep_draft(
    cookies: ShopCookies, page: PageContext, response: Response, form: Mapping[str, str]
) -> None:
    """Whatever the form asked for, what was typed into it is kept."""
    typed = typed_fields(form)
    if typed != typed_customer(cookies, page, {}) and form.keys() & set(FIELDS):
        cookies.draft.set(response, typed, page.guest.guest_id)
