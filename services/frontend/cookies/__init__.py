"""All cookies of the shop together, and how long browsers keep each."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from starlette.responses import Response

from services.frontend.cart import Cart, decode_cart, encode_cart
from services.frontend.cookies import compressed_json
from services.frontend.cookies.cookie import Cookie, CookieOptions, Headers
from services.frontend.cookies.guest_cookie import GuestCookie
from services.frontend.cookies.signed_cookie import SignedCookie
from services.frontend.guest import Guest
from services.frontend.signing import GuestSigner

__all__ = ["Headers", "ShopCookies"]

_YEAR, _MONTH, _HOUR = timedelta(days=365), timedelta(days=30), timedelta(hours=1)
# Fifty lines with the largest possible ids, and a signature.
_MAX_CART_LENGTH = 1400
# A UUID, a dot and a signature are 80 characters.
_MAX_CHECKOUT_LENGTH = 128
# Browsers drop a cookie whose name and value are longer than 4096 bytes (RFC 6265bis §5.7).
_MAX_JSON_LENGTH = 4000


class ShopCookies:
    """`cart`, `checkout` (of which orders' keys are made), `draft` (what a guest typed) and
    `receipt` (the order they sent last) are kept by the browser alone (decision 22)."""

    def __init__(self, secrets: Sequence[str], options: CookieOptions) -> None:
        self.options = options
        self.guest = GuestCookie(secrets, options, max_age=_YEAR)
        # Not signed: whoever plants one changes the language of a page.
        self.language = Cookie("arloji_language", options, max_age=_YEAR)
        self.cart = SignedCookie[Cart](
            "arloji_cart",
            options,
            GuestSigner(secrets, "cart"),
            max_age=_MONTH,
            max_length=_MAX_CART_LENGTH,
            encode=encode_cart,
            decode=decode_cart,
        )
        self.checkout = SignedCookie[UUID](
            "arloji_checkout",
            options,
            GuestSigner(secrets, "checkout"),
            max_age=_MONTH,
            max_length=_MAX_CHECKOUT_LENGTH,
            encode=str,
            decode=UUID,
        )
        self.draft = _json_cookie("arloji_draft", secrets, options)
        self.receipt = _json_cookie("arloji_receipt", secrets, options)

    def renew(self, headers: Headers, guest: Guest) -> list[str]:
        """A guest in use keeps what is signed, however often the secret is rotated. Values of
        `Set-Cookie` headers."""
        renewed = [self.guest.header(guest)]
        if cart := self.cart.read(headers, guest.guest_id):
            renewed.append(self.cart.header(cart, guest.guest_id))
        if checkout := self.checkout.read(headers, guest.guest_id):
            renewed.append(self.checkout.header(checkout, guest.guest_id))
        return renewed

    def forget_guest(self, response: Response) -> None:
        """Everything that says who somebody is; the language does not."""
        self.guest.delete(response)
        for cookie in (self.cart, self.checkout, self.draft, self.receipt):
            cookie.delete(response)


def _json_cookie(
    name: str, secrets: Sequence[str], options: CookieOptions
) -> SignedCookie[Mapping[str, Any]]:
    return SignedCookie(
        name,
        options,
        GuestSigner(secrets, name),
        max_age=_HOUR,
        max_length=_MAX_JSON_LENGTH,
        encode=compressed_json.encode,
        decode=compressed_json.decode,
    )
