"""What the HTTP parser lets through although RFC 9112 forbids it, and the target of a request."""

import re
import urllib.parse
from dataclasses import dataclass

import httptools

from servicekit.problems import BadRequest

Headers = list[tuple[bytes, bytes]]

# RFC 3986 §3.2.2 with a port; Starlette builds URLs from it and must not be led astray.
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(:[0-9]{0,5})?")
_UPGRADE_TOKENS = frozenset({b"upgrade", b"http2-settings"})


@dataclass(frozen=True)
class Target:
    """`host` is set if the request line itself names it."""

    raw_path: bytes
    query: bytes
    host: bytes | None = None

    @property
    def path(self) -> str:
        path = self.raw_path.decode("ascii")
        return urllib.parse.unquote(path) if "%" in path else path


def size_of_head(target: bytes, headers: Headers) -> int:
    """In bytes, as nearly as it can be told afterwards: no less than what they take in memory."""
    return len(target) + sum(len(name) + len(value) + 4 for name, value in headers)


def require_sound_head(version: str, headers: Headers) -> None:
    """Raise `BadRequest` where two servers could differ about who is meant or how long the body
    is (RFC 9112 §3.2, §6.1, §11.2). The parser has refused both lengths at once, and two of one.
    """
    if version not in ("1.0", "1.1"):
        raise BadRequest("This server speaks HTTP/1.1 and HTTP/1.0 only.")
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (version == "1.1" and not hosts):
        raise BadRequest("A request needs exactly one Host header.")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise BadRequest("The Host header is not a host with an optional port.")
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings and (version == "1.0" or codings != [b"chunked"]):
        raise BadRequest("The only transfer coding is `chunked`, and only in HTTP/1.1.")
    if not all(value.isascii() or _is_decodable(value) for _, value in headers):
        raise BadRequest("A header value is neither UTF-8 nor Latin-1 text.")


def _is_decodable(value: bytes) -> bool:
    """True if OpenTelemetry's ASGI instrumentation can read it, which falls back from UTF-8 to
    backslash escapes and lets the exception through if that fails too."""
    for encoding in ("utf-8", "unicode_escape"):
        try:
            value.decode(encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False


def read_target(target: bytes) -> Target:
    """Origin-form and absolute-form (RFC 9112 §3.2.1, §3.2.2). There is nothing to ask of `*`,
    and no tunnel to open."""
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError as error:
        raise BadRequest("The request target is not a URL.") from error
    query = url.query or b""
    if url.schema is None and url.path and url.path.startswith(b"/"):
        return Target(url.path, query)
    if url.schema is None or url.schema.lower() not in (b"http", b"https") or url.userinfo:
        raise BadRequest("The request target must be a path or an http URL.")
    authority = target.split(b"://", 1)[1]
    return Target(url.path or b"/", query, re.split(rb"[/?#]", authority, maxsplit=1)[0])


def without_upgrade(request_line: bytes, headers: Headers) -> bytes:
    """The same head, as if no other protocol had been offered (RFC 9110 §7.8 lets a server
    ignore the offer)."""
    lines = [request_line]
    for name, value in headers:
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            value = b", ".join(token for token in tokens if token.lower() not in _UPGRADE_TOKENS)
        if name not in _UPGRADE_TOKENS and (value or name != b"connection"):
            lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"
