"""Load goes to machines of one's own only."""

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from loadtest.plan import PlanRefused

# Loopback, and private use (RFC 1918, RFC 4193). `is_private` means more than that.
_NEAR = [
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]
# As compose names its services: nobody on the Internet has such a name. (One that begins with a
# digit may be an address in disguise, such as 0x08080808.)
_SERVICE_NAME = re.compile(r"[a-z]([a-z0-9_-]*[a-z0-9])?", re.IGNORECASE)


def require_allowed_host(url: str, allowed: Collection[str] = ()) -> None:
    """Raises PlanRefused unless the URL leads to this machine, a private address, a name without
    a domain (a compose service), or a host that was allowed by name."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise PlanRefused(f"{url!r} is not a URL.") from None
    if parts.scheme not in ("http", "https") or not host or parts.path.strip("/"):
        raise PlanRefused(f"Name the shop as http://host:port, not {url!r}.")
    if host not in allowed and not _is_near(host):
        raise PlanRefused(
            f"{host} is neither this machine nor a private address: "
            f"if it is yours to load, say so with --allow-host {host}."
        )


def _is_near(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _SERVICE_NAME.fullmatch(host) is not None
    return any(address in network for network in _NEAR)
