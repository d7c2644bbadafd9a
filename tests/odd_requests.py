"""Requests that are odd, or made to be read in two ways, by name. What our own servers refuse with
400 for its form alone is in `tests/malformed_requests.py`.

`/ask` stands for a path that is only read. What is hidden inside of a request asks for `HIDDEN`,
with which therefore nobody may ever be answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.malformed_requests import CHUNKED, HOST, MALFORMED, NGINX_SAYS

HIDDEN = b"/api/products/7777777777"
SMUGGLED = b"GET %b HTTP/1.1\r\nHost: [::1]\r\n\r\n" % HIDDEN
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\nHTTP2-Settings: AAMAAABk\r\n"
LONG = b"x" * 12_000
END = b"0\r\n\r\n"


def ask(*fields: bytes, line: bytes = b"GET /ask HTTP/1.1", body: bytes = b"") -> bytes:
    return b"%b\r\n%b\r\n%b" % (line, b"".join(fields), body)


def post(*fields: bytes, body: bytes = b"") -> bytes:
    return ask(HOST, *fields, line=b"POST /ask HTTP/1.1", body=body)


def target(path: bytes) -> bytes:
    return ask(HOST, line=b"GET %b HTTP/1.1" % path)


def method(name: bytes) -> bytes:
    return ask(HOST, line=b"%b /ask HTTP/1.1" % name)


def length(number: int) -> bytes:
    return b"Content-Length: %d\r\n" % number


def chunk(body: bytes, extension: bytes = b"") -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(body), extension, body)


def coding(value: bytes, name: bytes = b"Transfer-Encoding: ") -> bytes:
    """A body that is empty by its length and a request by its chunks, or the other way round."""
    return post(b"%b%b\r\n" % (name, value), body=END + SMUGGLED)


ODD: dict[str, bytes] = {
    # A request inside a body, however the length of it is told, is a body.
    "request in a body": post(length(len(SMUGGLED)), body=SMUGGLED),
    "request in the body of a GET": ask(HOST, length(len(SMUGGLED)), body=SMUGGLED),
    "request in the body of a HEAD": ask(
        HOST, length(len(SMUGGLED)), line=b"HEAD /ask HTTP/1.1", body=SMUGGLED
    ),
    "request in a chunk": post(CHUNKED, body=chunk(SMUGGLED) + END),
    "request in the chunk of a GET": ask(HOST, CHUNKED, body=chunk(SMUGGLED) + END),
    "request in a folded trailer": post(
        CHUNKED, body=b"0\r\nX: a\r\n %b\r\n\r\n" % SMUGGLED.replace(b"\r\n", b"\r\n ")
    ),
    "request in an extension": post(CHUNKED, body=b"0;%b\r\n" % SMUGGLED),
    # CL.TE, TE.CL, TE.TE.
    "CL.TE": post(length(5), CHUNKED, body=END + SMUGGLED),
    "TE.CL": post(CHUNKED, length(3), body=b"8\r\nSMUGGLED\r\n0\r\n\r\n"),
    "TE.TE": post(CHUNKED, b"Transfer-encoding: cow\r\n", body=END + SMUGGLED),
    "two codings in a list": coding(b"chunked, identity"),
    "coding in quotes": coding(b'"chunked"'),
    "coding with a parameter": coding(b"chunked;q=1"),
    "coding with a comma behind": coding(b"chunked,"),
    "coding with a comma before": coding(b",chunked"),
    "coding with a form feed": coding(b"\x0cchunked"),
    "coding with CR": coding(b"\rchunked"),
    "coding with NUL": coding(b"chunked\0"),
    "coding with an accent": coding(b"chunk\xe9d"),
    "coding of no name": coding(b""),
    "coding with an underscore": post(
        b"Transfer_Encoding: chunked\r\n", length(len(SMUGGLED)), body=SMUGGLED
    ),
    "coding behind a tab": coding(b"chunked", b"Transfer-Encoding\t: "),
    "coding behind a vertical tab": coding(b"chunked", b"Transfer-Encoding\x0b: "),
    "coding as a second line": coding(b"a\nTransfer-Encoding: chunked", b"X: "),
    "length with an underscore": post(b"Content_Length: 44\r\n", length(0)),
    "length with a zero before": post(b"Content-Length: 05\r\n", body=b"abcde"),
    "length with a space inside": post(b"Content-Length: 1 1\r\n", body=b"a" * 11),
    "length with a comma behind": post(b"Content-Length: 0,\r\n"),
    "length with a point": post(b"Content-Length: 0.0\r\n"),
    "length by an exponent": post(b"Content-Length: 1e1\r\n", body=b"a" * 10),
    "length with a minus zero": post(b"Content-Length: -0\r\n"),
    "length in other digits": post(b"Content-Length: \xd9\xa1\r\n", body=b"a"),
    "length near 64 bits": post(b"Content-Length: 9223372036854775807\r\n"),
    "length over the limit": post(b"Content-Length: 65537\r\n"),
    "length and coding on a GET": ask(HOST, length(4), CHUNKED, body=END),
    # Chunks.
    "size with zeros before": post(CHUNKED, body=b"0" * 14 + b"1\r\na\r\n" + END),
    "size of many zeros": post(CHUNKED, body=b"0" * 300 + b"1\r\na\r\n" + END),
    "size with a plus": post(CHUNKED, body=b"+1\r\na\r\n" + END),
    "size with an underscore": post(CHUNKED, body=b"1_0\r\n%b\r\n" % (b"a" * 16) + END),
    "size in upper case": post(CHUNKED, body=b"A\r\n%b\r\n" % (b"a" * 10) + END),
    "size over the limit": post(CHUNKED, body=chunk(b"x" * 65_537) + END),
    "size that overflows to one": post(CHUNKED, body=b"10000000000000001\r\na\r\n" + END),
    "extension": post(CHUNKED, body=chunk(b"a", b";a=b") + END),
    "extension of 12 KB": post(CHUNKED, body=chunk(b"a", b";" + LONG) + END),
    "extension of 100 KB": post(CHUNKED, body=b"1;" + b"x" * 100_000),
    "a thousand extensions": post(CHUNKED, body=chunk(b"a", b";a=b") * 1000 + END),
    "extension with CR": post(CHUNKED, body=chunk(b"a", b";a\rb") + END),
    "extension with an open quote": post(CHUNKED, body=chunk(b"a", b';a="b') + END),
    "trailer": post(CHUNKED, body=b"0\r\nX: a\r\n\r\n"),
    "coding as a trailer": post(CHUNKED, body=b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "trailer without a colon": post(CHUNKED, body=b"0\r\nX\r\n\r\n"),
    "trailers of 100 KB": post(CHUNKED, body=b"0\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
    "no last chunk end": post(CHUNKED, body=b"0\r\n" + SMUGGLED),
    "two last chunks": post(CHUNKED, body=END + END),
    # Targets.
    "other host in the target": target(b"http://other/ask"),
    "own host in the target": target(b"http://test/ask"),
    "https in the target": target(b"https://test/ask"),
    "authority": target(b"test:80"),
    "asterisk by GET": target(b"*"),
    "empty target": ask(HOST, line=b"GET  HTTP/1.1"),
    "two spaces": ask(HOST, line=b"GET  /ask HTTP/1.1"),
    "tab for a space": ask(HOST, line=b"GET\t/ask\tHTTP/1.1"),
    "space at the end": ask(HOST, line=b"GET /ask HTTP/1.1 "),
    "fragment": target(b"/ask#a"),
    "two slashes": target(b"//ask"),
    "host as a path": target(b"//127.0.0.1/ask"),
    "backslash": target(b"\\ask"),
    "dots": target(b"/x/../ask"),
    "dots out of the root": target(b"/../ask"),
    "encoded dots": target(b"/x/%2e%2e/ask"),
    "encoded twice": target(b"/x/%252e%252e/ask"),
    "overlong dots": target(b"/x/%c0%ae%c0%ae/ask"),
    "encoded slash": target(b"/x%2f..%2fask"),
    "encoded NUL": target(b"/ask%00"),
    "encoded line end": target(b"/ask%0d%0aX:%20a"),
    "broken encoding": target(b"/ask%zz"),
    "half an encoding": target(b"/ask%"),
    "wide encoding": target(b"/%u0061sk"),
    "line end in the query": target(b"/ask?%0d%0aSet-Cookie:%20a=b"),
    "angle in the query": target(b"/ask?<script>"),
    "DEL": target(b"/ask\x7f"),
    # Methods and versions.
    "small letters": method(b"get"),
    "PROPFIND": method(b"PROPFIND"),
    "TRACE": method(b"TRACE"),
    "OPTIONS": method(b"OPTIONS"),
    "DELETE": method(b"DELETE"),
    "PURGE": method(b"PURGE"),
    "a long method": method(b"A" * 300),
    "method with a colon": method(b"GET:"),
    "method behind NUL": method(b"\0GET"),
    "HTTP/1.2": ask(HOST, line=b"GET /ask HTTP/1.2"),
    "HTTP/1.10": ask(HOST, line=b"GET /ask HTTP/1.10"),
    "HTTP/01.1": ask(HOST, line=b"GET /ask HTTP/01.1"),
    "http in small letters": ask(HOST, line=b"GET /ask http/1.1"),
    "HTTP/3.0": ask(HOST, line=b"GET /ask HTTP/3.0"),
    "HTTP/1.0 that stays": ask(HOST, b"Connection: keep-alive\r\n", line=b"GET /ask HTTP/1.0"),
    "lines before": b"\r\n\r\n" + ask(HOST),
    # Hosts.
    "empty host": ask(b"Host:\r\n"),
    "port of letters": ask(b"Host: test:abc\r\n"),
    "two ports": ask(b"Host: test:80:80\r\n"),
    "port beyond 65535": ask(b"Host: test:99999\r\n"),
    "half a bracket": ask(b"Host: [::1\r\n"),
    "two hosts in one": ask(b"Host: test, other\r\n"),
    "host with a space": ask(b"Host: te st\r\n"),
    "host with a query": ask(b"Host: test?a\r\n"),
    "host with a backslash": ask(b"Host: test\\other\r\n"),
    "host with NUL": ask(b"Host: test\0\r\n"),
    "host and space": ask(b"Host : test\r\n"),
    "folded host": ask(b"Host:\r\n test\r\n"),
    "host that encodes": ask(b"Host: te%2fst\r\n"),
    "other names for the host": ask(HOST, b"X-Forwarded-Host: evil\r\nX-Host: evil\r\n"),
    # Headers.
    "name in brackets": ask(HOST, b"X(a): b\r\n"),
    "name with a space": ask(HOST, b"X a: b\r\n"),
    "name of bytes": ask(HOST, b"X\xff: b\r\n"),
    "line of spaces": ask(HOST, b"   \r\n"),
    "folded with a tab": ask(HOST, b"X: a\r\n\tb\r\n"),
    "ESC in a value": ask(HOST, b"User-Agent: \x1b[2J\r\n"),
    "DEL in a value": ask(HOST, b"User-Agent: \x7f\r\n"),
    "UTF-8 in a value": ask(HOST, "User-Agent: ☃\r\n".encode()),
    "empty value": ask(HOST, b"User-Agent:\r\n"),
    "128 fields": ask(HOST, b"A: b\r\n" * 127),
    "129 fields": ask(HOST, b"A: b\r\n" * 128),
    "guest of one's own": ask(HOST, b"X-Arloji-Guest: a\r\n" * 2),
    "no time left": ask(HOST, b"X-Arloji-Timeout-Ms: -1\r\n"),
    "keep and close": ask(HOST, b"Connection: keep-alive, close\r\n"),
    "host is hop-by-hop": ask(HOST, b"Connection: Host, Cookie, X-Arloji-Guest\r\n"),
    "length is hop-by-hop": post(b"Connection: Content-Length\r\n", length(4), body=b"abcd"),
    "range": ask(HOST, b"Range: bytes=0-0," + b"1-1," * 500 + b"\r\n"),
    # Expectations and other protocols.
    "expects to continue": post(b"Expect: 100-continue\r\n", length(4), body=b"abcd"),
    "expects without a body": ask(HOST, b"Expect: 100-continue\r\n"),
    "expects anything": post(b"Expect: nonsense\r\n", length(0)),
    "offers h2c": ask(HOST, OFFER % b"h2c"),
    "offers h2c with a body": post(OFFER % b"h2c", length(4), body=b"abcd"),
    "offers a websocket": ask(
        HOST,
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    ),
    "offers a wrong websocket": ask(
        HOST, b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n"
    ),
    "proxy protocol": b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + ask(HOST),
}

# Of a body that is announced and does not come.
UNFINISHED = ("length near 64 bits", "length over the limit")

# What the frontend says; 400 to all others, and then nothing more on that connection.
SAID: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(MALFORMED, (400,)),
    **dict.fromkeys(ODD, (400,)),
    **dict.fromkeys(
        (
            *("request in the body of a GET", "request in the body of a HEAD"),
            *("request in the chunk of a GET", "two spaces", "fragment", "line end in the query"),
            *("angle in the query", "HTTP/1.0 that stays", "lines before", "empty host"),
            *("host that encodes", "other names for the host", "UTF-8 in a value", "empty value"),
            *("128 fields", "guest of one's own", "no time left", "keep and close", "range"),
            *("host is hop-by-hop", "expects without a body", "offers h2c"),
            *("offers a websocket", "offers a wrong websocket"),
        ),
        (200,),
    ),
    # Nothing is written there, but it was read to its end.
    **dict.fromkeys(
        (
            *("request in a body", "request in a chunk", "coding with an underscore"),
            *("length with an underscore", "length with a zero before", "length is hop-by-hop"),
            *("size with zeros before", "size of many zeros", "size in upper case", "extension"),
            *("extension of 12 KB", "a thousand extensions", "trailer", "expects anything"),
            *("PROPFIND", "TRACE", "OPTIONS", "DELETE", "PURGE"),
        ),
        (405,),
    ),
    "expects to continue": (100, 405),
    # The second is no request.
    "two last chunks": (405, 400),
    # A path is compared as it came, so that these are other ones.
    **dict.fromkeys(
        (
            *("two slashes", "host as a path", "dots", "dots out of the root", "encoded dots"),
            *("encoded twice", "overlong dots", "encoded slash", "encoded NUL"),
            *("encoded line end", "broken encoding", "half an encoding", "wide encoding"),
        ),
        (404,),
    ),
    **dict.fromkeys((*UNFINISHED, "size over the limit"), (413,)),
    **dict.fromkeys(("extension of 100 KB", "trailers of 100 KB", "129 fields"), (431,)),
}


@dataclass(frozen=True)
class Difference:
    """Where a door says something else than the frontend, and why that does no harm."""

    why: str
    gateway: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    nginx: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


DIFFERENCES = (
    Difference(
        "The gateway knows the methods of a path, and looks at no body of another one.",
        gateway={
            **dict.fromkeys((*UNFINISHED, "size over the limit", "expects to continue"), (405,)),
        },
    ),
    Difference(
        "The gateway is for services: on loopback it answers to loopback's names alone.",
        gateway=dict.fromkeys(("empty host", "host that encodes"), (421,)),
    ),
    Difference(
        "nginx reads this as RFC 9112 allows (§2.2, §3.2.2, §7.1.2), and writes the request anew: "
        "whatever it passes on has one target, one Host and one Content-Length.",
        nginx={
            **{name: said for name, said in NGINX_SAYS.items() if name in MALFORMED},
            "request in a folded trailer": (405,),
            "request in an extension": (405,),
            "extension with an open quote": (405,),
            "coding as a trailer": (405,),
            "trailer without a colon": (405,),
            "trailers of 100 KB": (405,),
            "no last chunk end": (405,),
            **dict.fromkeys(
                ("other host in the target", "own host in the target", "https in the target"),
                (200,),
            ),
            **dict.fromkeys(("space at the end", "HTTP/1.2", "HTTP/1.10"), (200,)),
        },
    ),
    Difference(
        "A line may end in LF for nginx, so that this is a coding, and what follows the body a "
        "request of the same client.",
        nginx={"coding as a second line": (405, 404)},
    ),
    Difference(
        "nginx leaves out fields whose names are none.",
        nginx=dict.fromkeys(("name in brackets", "name of bytes"), (200,)),
    ),
    Difference(
        "nginx knows no other protocol to change to, and drops the offer.",
        nginx={"offers h2c with a body": (405,)},
    ),
    Difference(
        "nginx looks into the path, finds nothing that can be one, and refuses it itself.",
        nginx={
            **dict.fromkeys(("dots out of the root", "encoded NUL"), (400,)),
            **dict.fromkeys(("broken encoding", "half an encoding", "wide encoding"), (400,)),
        },
    ),
    Difference("nginx wants a host, if there is the field.", nginx={"empty host": (400,)}),
    Difference("Refused as well, by another name.", nginx={"extension of 100 KB": (400,)}),
    Difference(
        "nginx asks for what was announced, also where that is nothing.",
        nginx={"expects without a body": (100, 200)},
    ),
)
# nginx 1.22 of Debian 12, which tests start as a process, where it differs from that of the image.
OLDER_NGINX: Mapping[str, tuple[int, ...]] = {
    "tunnel": (400,),
    "tunnel to a path": (405,),
    "impossible port": (200,),
    "chunk size ends in LF": (405,),
    "chunk extension ends in LF": (405,),
}
# In a request to another request's place, and answered as what it is.
SEEN_THROUGH_NGINX = "coding as a second line"


def expected(door: str, name: str) -> tuple[tuple[int, ...], ...]:
    """The statuses that this door (`frontend`, `gateway` or `nginx`) may answer it with."""
    differing = [getattr(one, door) for one in DIFFERENCES] if door != "frontend" else []
    said = next((one[name] for one in differing if name in one), SAID[name])
    older = [OLDER_NGINX[name]] if door == "nginx" and name in OLDER_NGINX else []
    return (said, *older)


def reason(name: str) -> str:
    """Why the doors differ about it."""
    return " ".join(one.why for one in DIFFERENCES if name in {**one.gateway, **one.nginx})
