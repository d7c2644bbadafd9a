"""All cookies of the shop together."""

from collections.abc import Sequence

from services.frontend.cart import CartCookie
from services.frontend.checkout import CheckoutCookie
from services.frontend.cookie import CookieStyle, Headers
from services.frontend.guest import Guest, GuestCookie
from services.frontend.language import LanguageCookie
from services.frontend.notes import DRAFT, RECEIPT, NoteCookie


class ShopCookies:
    def __init__(self, secrets: Sequence[str], style: CookieStyle) -> None:
        self.guest = GuestCookie(secrets, style)
        self.cart = CartCookie(secrets, style)
        self.checkout = CheckoutCookie(secrets, style)
        self.draft = NoteCookie(DRAFT, secrets, style)
        self.receipt = NoteCookie(RECEIPT, secrets, style)
        self.language = LanguageCookie(style)

    def renew(self, headers: Headers, guest: Guest) -> list[str]:
        """A guest in use keeps what is signed, however often the secret is rotated."""
        renewed = [self.guest.write(guest)]
        if (cart := self.cart.read(headers, guest.guest_id)).lines:
            renewed.append(self.cart.write(cart, guest.guest_id))
        if checkout := self.checkout.read(headers, guest.guest_id):
            renewed.append(self.checkout.write(checkout, guest.guest_id))
        return renewed

    def forget(self) -> list[str]:
        """Everything that says who somebody is; the language does not."""
        own = (self.cart, self.checkout, self.draft, self.receipt)
        return [*self.guest.remove(), *(cookie.remove() for cookie in own)]
