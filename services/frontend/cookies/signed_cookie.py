"""Cookies that belong to one guest: brought by anybody else they are worth nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import UUID

from starlette.responses import Response

from services.frontend.cookies.cookie import Cookie, CookieOptions, Headers
from services.frontend.signing import GuestSigner

T = TypeVar("T")


class SignedCookie(Generic[T]):
    """Reads and writes one value, signed together with its guest, for one purpose."""

    def __init__(
        self,
        name: str,
        options: CookieOptions,
        signer: GuestSigner,
        *,
        max_age: timedelta,
        max_length: int,
        encode: Callable[[T], str],
        decode: Callable[[str], T | None],
    ) -> None:
        self._cookie = Cookie(name, options, max_age=max_age)
        self._signer, self._max_length = signer, max_length
        self._encode, self._decode = encode, decode

    def read(self, headers: Headers, guest_id: UUID) -> T | None:
        """The first value that is this guest's, if there is one."""
        for token in self._cookie.values(headers):
            if len(token) > self._max_length:
                continue
            text = self._signer.read(guest_id, token)
            value = self._decode(text) if text else None
            if value is not None:
                return value
        return None

    def header(self, value: T, guest_id: UUID) -> str:
        """Value of the `Set-Cookie` header."""
        return self._cookie.header(self._sign(value, guest_id))

    def set(self, response: Response, value: T, guest_id: UUID) -> None:
        """What is encoded as nothing takes the cookie away; what is too long for a cookie leaves
        the one before."""
        token = self._sign(value, guest_id)
        if len(token) <= self._max_length:
            self._cookie.set(response, token)

    def delete(self, response: Response) -> None:
        self._cookie.delete(response)

    def _sign(self, value: T, guest_id: UUID) -> str:
        text = self._encode(value)
        return self._signer.sign(guest_id, text) if text else ""
