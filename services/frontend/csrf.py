"""Two defences against cross-site request forgery: what the browser says about who initiated a
request, and a token in the order form that only this guest's pages contain."""

import logging
from collections.abc import Iterable, Sequence
from enum import Enum
from uuid import UUID

from starlette.types import Scope

from servicekit.problems import Problem
from services.frontend.signing import StrictSigner

logger = logging.getLogger(__name__)

SCOPE_KEY = "arloji.initiator"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class CrossOriginRequest(Problem):
    status, slug, title = 403, "cross-origin-request", "Request from another site"


class Initiator(Enum):
    """Who made the browser send a request."""

    SAME_ORIGIN = "a page of the shop, the person themselves, or a program"
    NAVIGATION = "another site's plain link, which somebody followed to here"
    CROSS_SITE = "another site"


def find_initiator(scope: Scope, *, secure: bool) -> Initiator:
    """Fetch Metadata decides (https://www.w3.org/TR/fetch-metadata/); a browser without it still
    names an `Origin` with what it posts, which must be our host, by https if the shop is
    `secure`. Neither means a program, which has no ambient cookies to abuse."""
    sites, origins = _header_values(scope, b"sec-fetch-site"), _header_values(scope, b"origin")
    if not sites:
        return (
            Initiator.SAME_ORIGIN
            if _is_same_origin(scope, origins, secure=secure)
            else Initiator.CROSS_SITE
        )
    if len(sites) == 1 and sites[0] in {"same-origin", "none"}:
        return Initiator.SAME_ORIGIN
    is_link = (
        scope["method"] == "GET"
        and not origins
        and _header_values(scope, b"sec-fetch-mode") == ["navigate"]
        # In a frame, the browser keeps the cookies of a guest back.
        and _header_values(scope, b"sec-fetch-dest") == ["document"]
    )
    return Initiator.NAVIGATION if is_link else Initiator.CROSS_SITE


def require_same_origin(scope: Scope) -> None:
    """Raise `CrossOriginRequest` for an unsafe method that another site has caused."""
    if scope["method"] in _SAFE_METHODS or scope[SCOPE_KEY] is Initiator.SAME_ORIGIN:
        return
    if not _header_values(scope, b"sec-fetch-site"):
        logger.info(
            "refused: Origin does not name the Host that was asked; a proxy in front must pass"
            " Host on as it came (docs/operations.md, behind TLS or another proxy)"
        )
    raise CrossOriginRequest("Only pages of this shop may send this request.")


def _is_same_origin(scope: Scope, origins: Sequence[str], *, secure: bool) -> bool:
    if not origins:
        return True
    hosts = [host.lower() for host in _header_values(scope, b"host")]
    scheme, separator, origin_host = origins[0].lower().partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    if len(origins) != 1 or len(hosts) != 1 or not separator or port is None:
        return False
    if secure and scheme != "https":
        return False
    return origin_host.removesuffix(port) == hosts[0].removesuffix(port)


def _header_values(scope: Scope, name: bytes) -> list[str]:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return [value.decode("latin-1") for key, value in headers if key == name]


class FormTokens:
    """Tokens that tie a form to the guest it was made for. They do not age: a form left open
    over night is still this guest's."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._signer = StrictSigner(secrets, "form")

    def create_token(self, guest_id: UUID) -> str:
        return self._signer.sign(str(guest_id)).decode().rpartition(".")[2]

    def is_valid(self, token: str, guest_id: UUID) -> bool:
        try:
            signed = f"{guest_id}.{token[:128]}".encode()
        except UnicodeEncodeError:
            return False
        return self._signer.validate(signed)
