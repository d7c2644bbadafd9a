"""Which header fields pass from one hop to the next (RFC 9110 §7.6)."""

from collections.abc import Iterable

from multidict import CIMultiDict
from starlette.types import Scope

Headers = Iterable[tuple[bytes, bytes]]

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
        *(b"if-modified-since", b"if-unmodified-since", b"prefer", b"user-agent", b"via"),
    )
)
# Each hop writes its own, and no service behind the frontend sets cookies.
_WRITTEN_HERE = frozenset(
    (
        *(b"content-length", b"date", b"server", b"set-cookie", b"via"),
        *(b"traceresponse", b"access-control-expose-headers"),  # the second names the first
    )
)


def end_to_end_headers(scope: Scope, *, via: str) -> CIMultiDict[str]:
    """The request's fields that the next service may see, with this hop added to `Via` (RFC 9110
    §7.6.3). Headers of our own are set afterwards, where no `Connection` field can remove
    them."""
    incoming: Headers = scope["headers"]
    named = _named_in_connection(incoming)
    headers = CIMultiDict(
        (name.decode("ascii"), _text(value))
        for name, value in incoming
        if name in _PASSED_ON and name not in named
    )
    hops = [*headers.popall("Via", ()), f"{scope['http_version']} {via}"]
    headers["Via"] = ", ".join(hops)
    return headers


def answer_headers(raw_headers: Headers) -> list[tuple[bytes, bytes]]:
    """The answer's fields that the client may see, without length and date."""
    lowered = [(name.lower(), value) for name, value in raw_headers]
    named = _named_in_connection(lowered)
    dropped = _HOP_BY_HOP | _WRITTEN_HERE | named
    return [(name, value) for name, value in lowered if name not in dropped]


def _named_in_connection(headers: Headers) -> frozenset[bytes]:
    """Fields that a `Connection` field makes hop-by-hop."""
    return frozenset(
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
    )


def _text(value: bytes) -> str:
    """For a client that writes headers as UTF-8: those bytes come out unchanged, others at least
    do not pass for ASCII."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
