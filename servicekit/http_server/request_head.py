"""What the HTTP parser lets through although it may mean two things (RFC 9112 §11)."""

import re
from functools import lru_cache

from httptools import HttpRequestParser

from servicekit.problems import BadRequest

Headers = list[tuple[bytes, bytes]]

# RFC 3986 §3.2.2 with a port; Starlette builds URLs from it and must not be led astray.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(?::([0-9]{0,5}))?")
_MAX_PORT = 65_535


def size_of_head(parser: HttpRequestParser, target: bytes, headers: Headers) -> int:
    """In bytes, if it was written as usual: with one space behind each colon."""
    around = len(parser.get_method()) + len("  HTTP/1.1\r\n\r\n")
    return around + len(target) + sum(len(name) + len(value) + 4 for name, value in headers)


def meaning_of(
    parser: HttpRequestParser, target: bytes, headers: Headers
) -> tuple[str, bool, bool]:
    """Its version, whether it has a body, and whether its sender waits to be told to continue.

    Raises `BadRequest` where two servers could differ about what is asked, who is meant or how long
    the body is. The parser has refused both lengths at once, and two of one."""
    version, named = parser.get_http_version(), dict(headers)
    if version not in ("1.0", "1.1"):
        raise BadRequest("This server speaks HTTP/1.1 and HTTP/1.0 only.")
    if not target.startswith(b"/") or parser.get_method() == b"CONNECT":
        raise BadRequest("The request target must be a path.")
    repeated = [name for name, _ in headers] if len(named) < len(headers) else ()
    host, coding = named.get(b"host"), named.get(b"transfer-encoding")
    if repeated.count(b"host") > 1 or (version == "1.1" and host is None):
        raise BadRequest("A request needs exactly one Host header.")
    if host is not None and not _is_host(host):
        raise BadRequest("The Host header is not a host with an optional port.")
    if coding is not None and (
        version == "1.0" or coding.lower() != b"chunked" or repeated.count(b"transfer-encoding") > 1
    ):
        raise BadRequest("The only transfer coding is `chunked`, and only in HTTP/1.1.")
    has_body = coding is not None or named.get(b"content-length", b"0") != b"0"
    if has_body and parser.should_upgrade():
        # The parser takes what follows the head for the other protocol.
        raise BadRequest("A request with a body must not offer another protocol.")
    values = [value for _, value in headers]
    if not (b"".join(values).isascii() or all(map(_is_decodable, values))):
        raise BadRequest("A header value is neither UTF-8 nor Latin-1 text.")
    expects = b"expect" in named and named[b"expect"].lower() == b"100-continue"
    return version, has_body, expects


@lru_cache(maxsize=16)
def _is_host(value: bytes) -> bool:
    match = _HOST.fullmatch(value)
    return match is not None and int(match[1] or 0) <= _MAX_PORT


def _is_decodable(value: bytes) -> bool:
    """By OpenTelemetry's ASGI instrumentation, which reads what is not UTF-8 as Latin-1 with
    backslash escapes, and lets the exception through if these are none."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return b"\\" not in value
    return True
