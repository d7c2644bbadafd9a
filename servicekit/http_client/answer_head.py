"""Which head of an answer is one: what the parser lets through although it may mean two things, or
more than a client of ours has any use for (RFC 9112 §11)."""

from servicekit.http_client.answer import Headers
from servicekit.http_client.failures import AnswerBroken

# Status line and headers of an answer, and of those that only announce it.
MAX_HEADER_BYTES = 16 * 1024
MAX_HEADERS = 100


def require_small_head(size: int, fields: int) -> None:
    if size > MAX_HEADER_BYTES or fields > MAX_HEADERS:
        raise AnswerBroken("its headers are too large")


def require_sound_head(version: str, status: int, headers: Headers, came: int) -> bool:
    """Raise `AnswerBroken` unless it is one. Whether it tells where its body ends; the parser has
    refused two lengths, and both ways at once. `came` are all bytes since it began, of which there
    are no fewer than it has."""
    size = came
    if came > MAX_HEADER_BYTES:
        size = sum([len(name) + len(value) + 4 for name, value in headers])
    require_small_head(size, len(headers))
    if not version.startswith("1."):
        raise AnswerBroken("not HTTP/1")
    if status == 101 or status < 100:
        raise AnswerBroken(f"{status} is no end of an answer")
    named = dict(headers)
    if b"transfer-encoding" not in named:
        return b"content-length" in named
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings != [b"chunked"]:
        raise AnswerBroken("a transfer coding that was not asked for")
    return True
