"""Who comes: a guest is a random UUID, nothing more."""

from dataclasses import dataclass
from uuid import UUID

from starlette.types import Scope

SCOPE_KEY = "arloji.guest"


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
