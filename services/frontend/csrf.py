"""Two locks against requests that another site makes a browser send: what the browser says
about the sender, and a token in the order form that only this guest's pages contain."""

import hmac
from collections.abc import Sequence
from uuid import UUID

from itsdangerous import BadSignature
from starlette.types import Scope

from servicekit.problems import Problem
from services.frontend.guest import create_signer

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class CrossOriginRequest(Problem):
    status, slug, title = 403, "cross-origin-request", "Request from another site"


def require_same_origin(scope: Scope) -> None:
    """Raise `CrossOriginRequest` for an unsafe method that another origin has caused.

    Fetch Metadata decides (https://www.w3.org/TR/fetch-metadata/); a browser without it still
    sends `Origin`, which must name our host. Neither means a program, which has no ambient
    cookies to abuse.
    """
    if scope["method"] in _SAFE_METHODS:
        return
    sites = _values(scope, b"sec-fetch-site")
    origins = _values(scope, b"origin")
    if sites:
        allowed = len(sites) == 1 and sites[0] in {"same-origin", "none"}
    else:
        allowed = not origins or (len(origins) == 1 and _is_own_origin(scope, origins[0]))
    if not allowed:
        raise CrossOriginRequest("Only pages of this shop may send this request.")


def _is_own_origin(scope: Scope, origin: str) -> bool:
    scheme, separator, origin_host = origin.lower().partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    hosts = [host.lower() for host in _values(scope, b"host")]
    if not separator or port is None or len(hosts) != 1:
        return False
    return origin_host.removesuffix(port) == hosts[0].removesuffix(port)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


class FormTokens:
    """Tokens that tie a form to the guest it was made for. They do not age: a form left open
    over night is still this guest's."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._signer = create_signer(secrets, "form")

    def create_token(self, guest_id: UUID) -> str:
        return self._signer.sign(str(guest_id)).decode().rpartition(".")[2]

    def is_valid(self, token: str, guest_id: UUID) -> bool:
        try:
            signed = self._signer.unsign(f"{guest_id}.{token[:128]}".encode())
        except (BadSignature, ValueError):
            return False
        return hmac.compare_digest(signed.decode(), str(guest_id))
