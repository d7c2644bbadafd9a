"""`/api/*` for programs: passed on to the gateway, with the guest that the cookie names."""

from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from contracts.api import API, PATHS
from contracts.headers import GUEST
from servicekit.http_proxy.forwarding import ForwardingApp, Upstream
from servicekit.http_proxy.headers import Headers
from servicekit.telemetry.server_spans import name_route
from services.frontend.guest import guest_of
from services.frontend.request_checks import require_acceptable

_GUEST_FIELD = GUEST.lower().encode("ascii")
# Templates by what stands before their one parameter.
_BY_PARENT = {path.partition("/{")[0]: path for path in PATHS if "{" in path}


class ApiProxy:
    """All below `/api`, by whatever method. `upstream_of` gives the gateway once it is open."""

    def __init__(self, upstream_of: Callable[[Scope], Upstream]) -> None:
        self._forward = ForwardingApp(
            API, upstream_of=upstream_of, own_headers=_own_headers, via=b"frontend"
        )

    @staticmethod
    def takes(scope: Scope) -> bool:
        path: str = scope["path"]
        return path.startswith(f"{API}/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name_route(scope, template_of(scope["path"]))
        require_acceptable(scope)
        await self._forward(scope, receive, send)


def template_of(path: str) -> str:
    """The path of the API that it fits; `/api` for all that the API does not have."""
    if path in PATHS:
        return path
    parent, _, value = path.rpartition("/")
    return _BY_PARENT.get(parent, API) if value else API


def _own_headers(scope: Scope) -> Headers:
    guest = guest_of(scope)
    return [(_GUEST_FIELD, str(guest.guest_id).encode("ascii"))] if guest.known else []
