"""What the HTTP parser lets through although it may mean two things (RFC 9112 §11)."""

import re

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


def require_sound_head(parser: HttpRequestParser, target: bytes, headers: Headers) -> None:
    """Raise `BadRequest` where two servers could differ about what is asked, who is meant or how
    long the body is. The parser has refused both lengths at once, and two of one."""
    version = parser.get_http_version()
    if version not in ("1.0", "1.1"):
        raise BadRequest("This server speaks HTTP/1.1 and HTTP/1.0 only.")
    if parser.get_method() == b"CONNECT" or not target.startswith(b"/"):
        raise BadRequest("The request target must be a path.")
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (version == "1.1" and not hosts):
        raise BadRequest("A request needs exactly one Host header.")
    if hosts and not _is_host(hosts[0]):
        raise BadRequest("The Host header is not a host with an optional port.")
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings and (version == "1.0" or codings != [b"chunked"]):
        raise BadRequest("The only transfer coding is `chunked`, and only in HTTP/1.1.")
    if parser.should_upgrade() and (codings or dict(headers).get(b"content-length", b"0") != b"0"):
        # The parser takes what follows the head for the other protocol.
        raise BadRequest("A request with a body must not offer another protocol.")
    if not all(value.isascii() or _is_decodable(value) for _, value in headers):
        raise BadRequest("A header value is neither UTF-8 nor Latin-1 text.")


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
