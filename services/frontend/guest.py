"""Who comes: a guest is a random UUID in a signed cookie, nothing more."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from starlette.types import Scope

from services.frontend.cookie import Cookie, CookieStyle, Headers
from services.frontend.signing import SessionSecrets, StrictSigner

SCOPE_KEY = "arloji.guest"
NAME = "arloji_guest"
_KEPT = timedelta(days=365)
MAX_AGE_SECONDS = int(_KEPT.total_seconds())
RENEW_AFTER_SECONDS = 24 * 3600
# Id, time and signature; the time is absent in what was written before decision 24. What looks
# otherwise is not worth the work of checking a signature.
_TOKEN = re.compile(r"([0-9a-f-]{36})(?:\.([0-9]{1,12}))?\.[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Guest:
    """`known` if the request brought a valid cookie. Otherwise the answer brings one, and
    until it comes back nothing may be stored under this id. `renew` if it is to be written
    anew: a day old, signed with an older secret, or of an older form or name."""

    guest_id: UUID
    known: bool
    renew: bool = False


def guest_of(scope: Scope) -> Guest:
    guest = scope[SCOPE_KEY]
    assert isinstance(guest, Guest)
    return guest


class GuestCookie:
    """Reads and writes the guest's cookie: id, time of signing and signature."""

    def __init__(self, secrets: Sequence[str], style: CookieStyle) -> None:
        self._secrets, self._signer = secrets, StrictSigner(secrets, "guest")
        self._cookie = Cookie(NAME, style, kept=_KEPT)
        plain = Cookie(NAME, CookieStyle(secure=style.secure), kept=_KEPT)
        # What was written before names had a suffix (decision 24).
        self._older = [plain] if plain.name != self._cookie.name else []

    @property
    def name(self) -> str:
        return self._cookie.name

    def find_guest(self, headers: Headers) -> Guest:
        """The guest that a request belongs to. A new one without a valid cookie, and when two
        guests are named: one of them was planted, and nobody can tell which."""
        guest = self._find(headers)
        secrets = self._secrets
        if not guest.known and isinstance(secrets, SessionSecrets) and self.is_in(headers):
            return self._find(headers) if secrets.refresh() else guest
        return guest

    def _find(self, headers: Headers) -> Guest:
        for cookie in (self._cookie, *self._older):
            found = [one for value in cookie.read(headers) if (one := self._read(value))]
            named = {guest_id for guest_id, _ in found}
            if len(named) == 1:
                renew = cookie is not self._cookie or any(stale for _, stale in found)
                return Guest(named.pop(), known=True, renew=renew)
            if named:
                break
        return Guest(uuid4(), known=False)

    def is_in(self, headers: Headers) -> bool:
        """True if a cookie of this name came, whatever it holds."""
        return any(cookie.read(headers) for cookie in (self._cookie, *self._older))

    def write(self, guest: Guest) -> str:
        """Value of the `Set-Cookie` header."""
        signed = self._signer.sign(f"{guest.guest_id}.{int(time.time())}")
        return self._cookie.write(signed.decode())

    def remove(self) -> list[str]:
        return [cookie.remove() for cookie in (self._cookie, *self._older)]

    def _read(self, value: str) -> tuple[UUID, bool] | None:
        """The guest of a valid token, and whether it is to be renewed."""
        match, token = _TOKEN.fullmatch(value), value.encode("latin-1")
        if not match or not self._signer.validate(token):
            return None
        guest_id, written_at = UUID(match[1]), match[2]
        if written_at is None:
            return guest_id, True
        # Below zero where the clock of another replica is ahead.
        age_seconds = time.time() - int(written_at)
        if age_seconds > MAX_AGE_SECONDS:
            return None
        is_old = age_seconds > RENEW_AFTER_SECONDS
        return guest_id, is_old or not self._signer.is_of_the_newest(token)
