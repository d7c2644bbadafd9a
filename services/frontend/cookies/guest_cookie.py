"""The guest's cookie: signed, renewed while it is used, and never mistaken for another's."""

import re
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from uuid import UUID, uuid4

from starlette.responses import Response

from services.frontend.cookies.cookie import Cookie, CookieOptions, Headers
from services.frontend.guest import Guest
from services.frontend.signing import SessionSecrets, StrictSigner

RENEW_AFTER_SECONDS = 24 * 3600
_NAME = "arloji_guest"
# Id, time and signature; the time is absent in what was written before decision 24. What looks
# otherwise is not worth the work of checking a signature.
_TOKEN = re.compile(r"([0-9a-f-]{36})(?:\.([0-9]{1,12}))?\.[A-Za-z0-9_-]{43}", re.ASCII)


class GuestCookie:
    """Reads and writes the guest's cookie: id, time of signing and signature."""

    def __init__(
        self, secrets: Sequence[str], options: CookieOptions, *, max_age: timedelta
    ) -> None:
        self._secrets, self._signer = secrets, StrictSigner(secrets, "guest")
        # A guest comes again and again, and to check a signature costs as much as all else here.
        # What was found of a token is true for as long as the secrets are the same.
        self._known = lru_cache(maxsize=4096)(self._check)
        self._max_age_seconds = max_age.total_seconds()
        self._cookie = Cookie(_NAME, options, max_age=max_age)
        plain = Cookie(_NAME, CookieOptions(secure=options.secure), max_age=max_age)
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
            found = [one for value in cookie.values(headers) if (one := self._read(value))]
            named = {guest_id for guest_id, _ in found}
            if len(named) == 1:
                renew = cookie is not self._cookie or any(stale for _, stale in found)
                return Guest(named.pop(), known=True, renew=renew)
            if named:
                break
        return Guest(uuid4(), known=False)

    def is_in(self, headers: Headers) -> bool:
        """True if a cookie of this name came, whatever it holds."""
        return any(cookie.values(headers) for cookie in (self._cookie, *self._older))

    def header(self, guest: Guest) -> str:
        """Value of the `Set-Cookie` header."""
        signed = self._signer.sign(f"{guest.guest_id}.{int(time.time())}")
        return self._cookie.header(signed.decode())

    def delete(self, response: Response) -> None:
        for cookie in (self._cookie, *self._older):
            cookie.delete(response)

    def _read(self, value: str) -> tuple[UUID, bool] | None:
        """The guest of a valid token, and whether it is to be renewed."""
        match, token = _TOKEN.fullmatch(value), value.encode("latin-1")
        if not match:
            return None
        is_valid, is_of_the_newest = self._known(token, tuple(self._secrets))
        if not is_valid:
            return None
        guest_id, written_at = UUID(match[1]), match[2]
        if written_at is None:
            return guest_id, True
        # Below zero where the clock of another replica is ahead.
        age_seconds = time.time() - int(written_at)
        if age_seconds > self._max_age_seconds:
            return None
        is_old = age_seconds > RENEW_AFTER_SECONDS
        return guest_id, is_old or not is_of_the_newest

    def _check(self, token: bytes, _secrets: tuple[str, ...]) -> tuple[bool, bool]:
        """Whether the signature is ours, and by the newest secret."""
        is_valid = self._signer.validate(token)
        return is_valid, is_valid and self._signer.is_of_the_newest(token)
