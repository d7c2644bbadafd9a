"""Signatures that only the shop can make, each for one purpose."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode


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


class GuestSigner:
    """Signs what belongs to one guest: brought by anybody else it is worth nothing."""

    def __init__(self, secrets: Sequence[str], purpose: str) -> None:
        self._signer = create_signer(secrets, purpose)

    def sign(self, guest_id: UUID, text: str) -> str:
        return self._signer.sign(f"{guest_id}.{text}").decode().removeprefix(f"{guest_id}.")

    def read(self, guest_id: UUID, token: str) -> str | None:
        """The text of a token that was signed for this guest."""
        try:
            signed = self._signer.unsign(f"{guest_id}.{token}".encode("latin-1"))
        except (BadSignature, ValueError):
            return None
        return signed.decode().removeprefix(f"{guest_id}.")
