"""What a guest typed, and the order they sent last: kept by their browser alone, for an hour
(decision 22)."""

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from itsdangerous.encoding import base64_decode, base64_encode

from services.frontend.cookie import Cookie, CookieStyle, Headers
from services.frontend.signing import GuestSigner

DRAFT, RECEIPT = "arloji_draft", "arloji_receipt"
# Browsers drop a cookie whose name and value are longer than 4096 bytes (RFC 6265bis §5.7).
_MAX_TOKEN_LENGTH = 4000


class NoteCookie:
    """Reads and writes one such cookie. Its signature holds the guest: nobody can plant an
    address in somebody else's form."""

    def __init__(self, name: str, secrets: Sequence[str], style: CookieStyle) -> None:
        self._signer = GuestSigner(secrets, name)
        self._cookie = Cookie(name, style, kept=timedelta(hours=1))

    def read(self, headers: Headers, guest_id: UUID) -> Mapping[str, Any]:
        """Nothing if there is none, or if it is not ours or another guest's."""
        for token in self._cookie.read(headers):
            if len(token) <= _MAX_TOKEN_LENGTH and (packed := self._signer.read(guest_id, token)):
                note: Mapping[str, Any] = json.loads(zlib.decompress(base64_decode(packed)))
                return note
        return {}

    def write(self, note: Mapping[str, Any], guest_id: UUID) -> str | None:
        """Value of the `Set-Cookie` header; None for one that no browser would keep."""
        text = json.dumps(note, ensure_ascii=False, separators=(",", ":"))
        packed = base64_encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode()
        token = self._signer.sign(guest_id, packed)
        return self._cookie.write(token) if len(token) <= _MAX_TOKEN_LENGTH else None

    def remove(self) -> str:
        return self._cookie.remove()
