"""Signatures that only the shop can make, each for one purpose."""

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import overload
from uuid import UUID

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode


class SessionSecrets(Sequence[str]):
    """The secrets of now, newest first. During a rotation a replica that has started later knows
    a newer one, and what it signs must not look forged here: `refresh` reads them again."""

    def __init__(self, secrets: Sequence[str], read: Callable[[], Sequence[str]]) -> None:
        self._secrets, self._read = tuple(secrets), read
        self._may_read_at = 0.0

    def refresh(self) -> bool:
        """True if there are others than before; those stay if they cannot be read now. Looks no
        more than once a second, since anybody can come with a forged cookie."""
        if time.monotonic() < self._may_read_at:
            return False
        self._may_read_at = time.monotonic() + 1
        before = self._secrets
        with suppress(ValueError):
            self._secrets = tuple(self._read())
        return self._secrets != before

    def __len__(self) -> int:
        return len(self._secrets)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return self._secrets[index]


class StrictSigner(Signer):
    """The first secret signs and all verify, so that a new one can be put in front. Signatures
    of one purpose are worth nothing for another.

    Knows one spelling of each signature. Base64 as the library reads it has several: other
    characters for the same value, and bits of the last one that mean nothing.
    """

    def __init__(self, secrets: Sequence[str], purpose: str) -> None:
        super().__init__("", salt=f"arloji.{purpose}", digest_method=hashlib.sha256)
        self._secrets = secrets

    @property
    def secret_keys(self) -> list[bytes]:
        # itsdangerous signs with the last of its keys.
        return [secret.encode() for secret in reversed(self._secrets)]

    @secret_keys.setter
    def secret_keys(self, _: list[bytes]) -> None:
        """The library's own copy would be that of the start."""

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        if not super().verify_signature(value, sig):
            return False
        given = sig.encode() if isinstance(sig, str) else sig
        return base64_encode(base64_decode(given)) == given

    def is_of_the_newest(self, signed: bytes) -> bool:
        value, _, signature = signed.rpartition(b".")
        return self.get_signature(value) == signature


class GuestSigner:
    """Signs what belongs to one guest: brought by anybody else it is worth nothing."""

    def __init__(self, secrets: Sequence[str], purpose: str) -> None:
        self._signer = StrictSigner(secrets, purpose)

    def sign(self, guest_id: UUID, text: str) -> str:
        return self._signer.sign(f"{guest_id}.{text}").decode().removeprefix(f"{guest_id}.")

    def read(self, guest_id: UUID, token: str) -> str | None:
        """The text of a token that was signed for this guest."""
        try:
            signed = self._signer.unsign(f"{guest_id}.{token}".encode("latin-1"))
        except (BadSignature, ValueError):
            return None
        return signed.decode().removeprefix(f"{guest_id}.")
