"""Who comes: a guest is a random UUID in a signed cookie, nothing more."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode
from starlette.types import Scope

SCOPE_KEY = "arloji.guest"
MAX_AGE_SECONDS = 365 * 24 * 3600
# A UUID, a dot and a signature are 80 characters; what is longer is not worth a look.
_MAX_COOKIE_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Guest:
    """`known` if the request brought a valid cookie. Otherwise the answer brings one, and
    until it comes back nothing may be stored under this id."""

    guest_id: UUID
    known: bool


class StrictSigner(Signer):
    """Knows one spelling of each signature. Base64 as the library reads it has several: other
    characters for the same value, and bits of the last one that mean nothing."""

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        if not super().verify_signature(value, sig):
            return False
        given = sig.encode() if isinstance(sig, str) else sig
        return base64_encode(base64_decode(given)) == given


def create_signer(secrets: Sequence[str], purpose: str) -> Signer:
    """The first secret signs and all verify, so that a new one can be put in front. Signatures
    of one purpose are worth nothing for another."""
    # itsdangerous signs with the last of its keys.
    return StrictSigner(
        list(reversed(secrets)), salt=f"arloji.{purpose}", digest_method=hashlib.sha256
    )


def guest_of(scope: Scope) -> Guest:
    guest = scope[SCOPE_KEY]
    assert isinstance(guest, Guest)
    return guest


class GuestCookie:
    """Reads and writes the guest's cookie."""

    def __init__(self, secrets: Sequence[str], *, secure: bool) -> None:
        self._signer = create_signer(secrets, "guest")
        # The prefix makes browsers refuse a cookie that a neighbouring host has planted.
        self.name = "__Host-arloji_guest" if secure else "arloji_guest"
        self._attributes = f"; Path=/; Max-Age={MAX_AGE_SECONDS}; HttpOnly; SameSite=Lax" + (
            "; Secure" if secure else ""
        )

    def find_guest(self, headers: Iterable[tuple[bytes, bytes]]) -> Guest:
        """The guest that a request belongs to; a new one without a valid cookie."""
        for name, value in headers:
            if name == b"cookie":
                for pair in value.split(b";"):
                    key, _, token = pair.strip().partition(b"=")
                    if key == self.name.encode() and (guest_id := self._verify(token)):
                        return Guest(guest_id, known=True)
        return Guest(uuid4(), known=False)

    def _verify(self, token: bytes) -> UUID | None:
        if len(token) > _MAX_COOKIE_LENGTH:
            return None
        try:
            return UUID(self._signer.unsign(token).decode())
        except (BadSignature, ValueError):
            return None

    def set_cookie(self, guest: Guest) -> bytes:
        """Value of the `Set-Cookie` header."""
        token = self._signer.sign(str(guest.guest_id)).decode()
        return f"{self.name}={token}{self._attributes}".encode("ascii")
