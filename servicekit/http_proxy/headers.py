"""Which header fields pass from one hop to the next (RFC 9110 §7.6)."""

from starlette.types import Scope

Headers = list[tuple[bytes, bytes]]

# RFC 9110 §7.6.1, with the older names that are still about.
_HOP_BY_HOP = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate"),
        *(b"proxy-authorization", b"proxy-authentication-info", b"te", b"trailer"),
        *(b"transfer-encoding", b"upgrade"),
    )
)
# RFC 9110 §5.1 lets a proxy be configured to keep unknown fields back. The services understand
# these; cookies, forwarded addresses and the caller's trace are not for them.
_PASSED_ON = frozenset(
    (
        *(b"accept", b"accept-encoding", b"accept-language", b"cache-control", b"content-type"),
        *(b"content-encoding", b"idempotency-key", b"if-match", b"if-none-match"),
        *(b"if-modified-since", b"if-unmodified-since", b"prefer", b"user-agent"),
    )
)
# Each hop writes its own, and no service behind the frontend sets cookies.
_WRITTEN_HERE = frozenset(
    (
        *(b"content-length", b"date", b"server", b"set-cookie", b"via"),
        *(b"traceresponse", b"access-control-expose-headers"),  # the second names the first
    )
)
_DROPPED = _HOP_BY_HOP | _WRITTEN_HERE


def end_to_end_headers(scope: Scope, *, via: bytes) -> Headers:
    """The request's fields that the next service may see, with this hop added to `Via` (RFC 9110
    §7.6.3). Headers of our own are added afterwards, where no `Connection` field can remove
    them."""
    headers: Headers = scope["headers"]
    headers, came = _without_named(headers), scope["http_version"].encode()
    passed = [pair for pair in headers if pair[0] in _PASSED_ON]
    hops = [value for name, value in headers if name == b"via"]
    hops.append(came + b" " + via)
    passed.append((b"via", b", ".join(hops)))
    return passed


def answer_headers(headers: Headers) -> Headers:
    """The answer's fields that the client may see, without length and date. Names are in lower
    case."""
    return [pair for pair in _without_named(headers) if pair[0] not in _DROPPED]


def _without_named(headers: Headers) -> Headers:
    """But the fields that a `Connection` field makes hop-by-hop."""
    if b"connection" not in dict(headers):
        return headers
    values = [value for name, value in headers if name == b"connection"]
    named = {token.strip().lower() for value in values for token in value.split(b",")}
    return [pair for pair in headers if pair[0] not in named]
