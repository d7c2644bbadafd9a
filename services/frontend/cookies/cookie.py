"""A cookie of the shop: its name, its attributes, and what a request brings of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True)
class CookieOptions:
    """What the cookies of one shop have in common.

    `secure`: over https only, under names that browsers let no neighbouring host and no plain
    connection write (RFC 6265bis §4.1.3.2). `suffix` ends every name: browsers send a host's
    cookies to all its ports, so that two shops on one machine would replace each other's.
    """

    secure: bool = False
    suffix: str = ""


class Cookie:
    """Reads and writes one of the shop's cookies. None is for scripts, and none travels with
    what another site's page loads or posts."""

    def __init__(self, name: str, options: CookieOptions, *, max_age: timedelta) -> None:
        self.name = f"{'__Host-' if options.secure else ''}{name}{options.suffix}"
        self._max_age_seconds = int(max_age.total_seconds())
        self._attributes = "HttpOnly; SameSite=Lax" + ("; Secure" if options.secure else "")

    def values(self, headers: Headers) -> list[str]:
        """Every value that a request brings: one of a neighbouring host may be among them."""
        return [
            value.decode("latin-1")
            for field, line in headers
            if field == b"cookie"
            for name, _, value in (pair.strip().partition(b"=") for pair in line.split(b";"))
            if name == self.name.encode()
        ]

    def header(self, value: str) -> str:
        """Value of the `Set-Cookie` header; without a value it takes the cookie away."""
        max_age = self._max_age_seconds if value else 0
        return f"{self.name}={value}; Path=/; Max-Age={max_age}; {self._attributes}"

    def set(self, response: Response, value: str) -> None:
        response.headers.append("Set-Cookie", self.header(value))

    def delete(self, response: Response) -> None:
        self.set(response, "")
