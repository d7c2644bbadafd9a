"""Bytes that are no HTTP/1.1 of clear meaning, by name (levels: `tests/hostile_requests.py`).

Each of our own servers answers 400 to what is in `MALFORMED`, and ends the connection. nginx in
front does so too, or what `NGINX_SAYS` has. To `LARGE_HEADS` all say 431.
"""

import re
import socket
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import urlsplit

HOST = b"Host: test\r\n"
CLOSE = b"Connection: close\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def get(*headers: bytes, path: bytes = b"/") -> bytes:
    return b"GET %b HTTP/1.1\r\n%b\r\n" % (path, b"".join(headers))


def post(*headers: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"POST / HTTP/%b\r\n%b\r\n%b" % (version, b"".join(headers), body)


def chunks(body: bytes) -> bytes:
    return post(HOST, CHUNKED, body=body)


MALFORMED: Mapping[str, bytes] = {
    "no host": get(),
    "two hosts": get(HOST, HOST),
    "two hosts in http/1.0": b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    "host with a path": get(b"Host: test/login?\r\n"),
    "host with userinfo": get(b"Host: a@b\r\n"),
    "length and chunked": post(HOST, b"Content-Length: 4\r\n", CHUNKED, body=b"0\r\n\r\n"),
    "chunked and length": post(HOST, CHUNKED, b"Content-Length: 4\r\n", body=b"0\r\n\r\n"),
    "two equal lengths": post(HOST, b"Content-Length: 0\r\n" * 2),
    "two lengths": post(HOST, b"Content-Length: 1\r\nContent-Length: 0\r\n"),
    "list of lengths": post(HOST, b"Content-Length: 0, 0\r\n"),
    "signed length": post(HOST, b"Content-Length: +0\r\n"),
    "negative length": post(HOST, b"Content-Length: -1\r\n"),
    "hexadecimal length": post(HOST, b"Content-Length: 0x0\r\n"),
    "empty length": post(HOST, b"Content-Length:\r\n"),
    "length beyond 64 bits": post(HOST, b"Content-Length: 18446744073709551616\r\n"),
    "other coding": post(HOST, b"Transfer-Encoding: gzip\r\n"),
    "coding before chunked": post(HOST, b"Transfer-Encoding: gzip, chunked\r\n", body=b"0\r\n\r\n"),
    "coding after chunked": post(HOST, b"Transfer-Encoding: chunked, gzip\r\n", body=b"0\r\n\r\n"),
    "chunked twice": post(HOST, CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "identity": post(HOST, b"Transfer-Encoding: identity\r\n"),
    "almost chunked": post(HOST, b"Transfer-Encoding: xchunked\r\n", body=b"0\r\n\r\n"),
    "chunked after a tab": post(HOST, b"Transfer-Encoding: \x0bchunked\r\n", body=b"0\r\n\r\n"),
    "coding without a body": get(HOST, b"Transfer-Encoding: gzip\r\n"),
    "chunked in http/1.0": post(HOST, CHUNKED, body=b"0\r\n\r\n", version=b"1.0"),
    "space before the colon": post(HOST, b"Content-Length : 0\r\n"),
    "folded header": get(HOST, b"X-Fold: a\r\n b\r\n"),
    "folded coding": post(HOST, b"Transfer-Encoding:\r\n chunked\r\n", body=b"0\r\n\r\n"),
    "space before the first header": get(b" X: a\r\n", HOST),
    "lines end in LF": b"GET / HTTP/1.1\nHost: test\n\n",
    "one line ends in LF": get(b"Host: test\nX: a\r\n"),
    "CR within a line": get(b"Host: test\rX: a\r\n"),
    "head ends in LF": b"GET / HTTP/1.1\r\nHost: test\r\n\n",
    "NUL in a value": get(HOST, b"X: a\0b\r\n"),
    "NUL in a name": get(HOST, b"X\0: a\r\n"),
    "no name": get(HOST, b": a\r\n"),
    "no colon": get(HOST, b"X\r\n"),
    "bytes that are no text": get(HOST, b"User-Agent: \xff\\x\r\n"),
    "byte beyond ASCII in the path": get(HOST, path=b"/\xff"),
    "byte beyond ASCII in the query": get(HOST, path=b"/?\xc3\xa9"),
    "NUL in the path": get(HOST, path=b"/\0"),
    "space in the path": get(HOST, path=b"/a b"),
    "path without a slash": get(HOST, path=b"echo"),
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n",
    "tunnel": b"CONNECT test:443 HTTP/1.1\r\nHost: test:443\r\n\r\n",
    "tunnel to a path": b"CONNECT / HTTP/1.1\r\nHost: test\r\n\r\n",
    "target with a host": get(HOST, path=b"http://test/"),
    "other scheme": get(HOST, path=b"ftp://test/"),
    "user in the target": get(HOST, path=b"http://a:b@test/"),
    "impossible port": get(HOST, path=b"http://test:99999/"),
    "http/0.9": b"GET /\r\n\r\n",
    "http/2.0": b"GET / HTTP/2.0\r\nHost: test\r\n\r\n",
    "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "nonsense": b"NONSENSE\r\n\r\n",
    "unknown method": b"SMUGGLE / HTTP/1.1\r\nHost: test\r\n\r\n",
    "negative chunk": chunks(b"-1\r\n\r\n"),
    "prefixed chunk size": chunks(b"0x1\r\na\r\n0\r\n\r\n"),
    "chunk beyond 64 bits": chunks(b"f" * 17 + b"\r\na\r\n0\r\n\r\n"),
    "no chunk size": chunks(b"\r\na\r\n0\r\n\r\n"),
    "space after a chunk size": chunks(b"1 \r\na\r\n0\r\n\r\n"),
    "chunk size ends in LF": chunks(b"1\na\r\n0\r\n\r\n"),
    "chunk extension ends in LF": chunks(b"1;x\na\r\n0\r\n\r\n"),
    "chunk longer than its size": chunks(b"1\r\nab\r\n0\r\n\r\n"),
    "chunk without its end": chunks(b"1\r\na0\r\n\r\n"),
    "length as a trailer": chunks(b"0\r\nContent-Length: 5\r\n\r\n"),
}
# Where nginx is of another mind: what it answers itself, or what the frontend says to what nginx
# has put right on the way.
NGINX_SAYS: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("lines end in LF", "one line ends in LF", "head ends in LF"), (200,)),
    # The line is left out.
    "no colon": (200,),
    **dict.fromkeys(("target with a host", "other scheme"), (200,)),
    # The page, without any head.
    "http/0.9": (),
    **dict.fromkeys(("tunnel", "TRACE"), (405,)),
    # A body that is read, where no body is asked for.
    **dict.fromkeys(("space after a chunk size", "length as a trailer"), (405,)),
}

LARGE_HEADS: Mapping[str, bytes] = {
    "one line": get(HOST, b"X-Large: %b\r\n" % (b"x" * 20_000)),
    "many lines": get(HOST, *[b"X-Many: %b\r\n" % (b"x" * 1000)] * 40),
    "the address": get(HOST, path=b"/" + b"x" * 20_000),
    # Below the limit of nginx, over that of the services.
    "twenty lines": get(HOST, *[b"X-Many: %b\r\n" % (b"x" * 1000)] * 20),
}


def send(url: str, request: bytes, *, to_the_end: bool = False) -> bytes:
    """What the server there says to exactly these bytes: one answer, or all until it closes."""
    place = urlsplit(url)
    answer = b""
    with closing(socket.create_connection((place.hostname, place.port), 10)) as connection:
        connection.sendall(request)
        while to_the_end or not _is_whole(answer):
            chunk = connection.recv(65536)
            if not chunk:
                break
            answer += chunk
    return answer


def _is_whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(separator) and length is not None and len(body) >= int(length[1])


def statuses_of(answers: bytes) -> tuple[int, ...]:
    return tuple(int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answers))
