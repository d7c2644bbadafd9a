"""Which host names a server that is for this machine only answers to."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


def host_name_of(scope: Scope) -> str:
    """The Host header without its port; "" if there is not exactly one."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return _without_port(hosts[0]) if len(hosts) == 1 else ""


@lru_cache(maxsize=16)
def _without_port(field: bytes) -> str:
    host = field.decode("latin-1").lower()
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]


def is_loopback(address: str) -> bool:
    """Whether a server that listens there can be reached from this machine only."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def hosts_of_inner(listens_on: str) -> frozenset[str]:
    """The names by which a service that is for the services of the shop may be asked; none where
    any will do."""
    return LOOPBACK_HOSTS if is_loopback(listens_on) else frozenset()


class AllowedHostsMiddleware:
    """Starlette's `TrustedHostMiddleware` with an answer of the app's own, and loopback names
    always allowed. A page elsewhere may point its own name at 127.0.0.1 (DNS rebinding), but it
    cannot make the browser send another Host."""

    def __init__(self, app: ASGIApp, *, refuse: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self._app, self._refuse = app, refuse
        self._hosts = LOOPBACK_HOSTS | {host.lower() for host in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = scope["type"] != "http" or host_name_of(scope) in self._hosts
        await (self._app if known else self._refuse)(scope, receive, send)
