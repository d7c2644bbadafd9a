"""What servers make of hostile bytes; `python -m tests.hostile_http URL …` prints a table of it."""

import re
import socket
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

from tests.malformed_requests import MALFORMED
from tests.odd_requests import HIDDEN, ODD, SEEN_THROUGH_NGINX, UNFINISHED, expected, reason

VECTORS = {**MALFORMED, **ODD}
# A product that nobody has; the problem that answers it names it.
_MARKER = b"/api/products/8%09d"
_ANY_MARKER = re.compile(rb"/api/products/8\d{9}|%b" % HIDDEN)
_numbers = count(1)
_PATIENCE_SECONDS = 20
# For a body that was announced and does not come.
_UNFINISHED_SECONDS = 2


@dataclass(frozen=True)
class Outcome:
    """The statuses of the answers to what was sent, and what became of the connection: `answered`
    is the request behind it. `fault` says what must never be."""

    statuses: tuple[int, ...]
    then: str
    fault: str

    def __str__(self) -> str:
        said = " ".join(map(str, self.statuses)) or "nothing"
        return f"{said} {self.then} {self.fault.upper()}".strip()


def try_all(url: str) -> dict[str, Outcome]:
    """Several at a time, as each waits for its connection's end."""
    with ThreadPoolExecutor(16) as threads:
        outcomes = threads.map(lambda name: _try_out(url, name), VECTORS)
        return dict(zip(VECTORS, outcomes, strict=True))


def unexpected(url: str, door: str) -> dict[str, str]:
    """What comes of the vectors at this address that the tables do not have for such a door."""
    seen_through = {SEEN_THROUGH_NGINX: "answer of another"} if door == "nginx" else {}
    return {
        name: str(one)
        for name, one in try_all(url).items()
        if one.fault != seen_through.get(name, "") or one.statuses not in expected(door, name)
    }


def _try_out(url: str, name: str) -> Outcome:
    """Send it, and a request of our own behind it."""
    marker = _MARKER % next(_numbers)
    last = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % marker
    patience = _UNFINISHED_SECONDS if name in UNFINISHED else _PATIENCE_SECONDS
    answers, ended = _exchange(url, _placed(VECTORS[name]) + last, patience)
    statuses = tuple(int(one) for one in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answers))
    answered = marker in answers
    if answered:
        statuses = statuses[:-1]
    found = {
        "answer of another": set(_ANY_MARKER.findall(answers)) - {marker} != set(),
        "more than one answer": answers.count(marker) > 1,
        "two answers": answered and marker not in answers.rpartition(b"HTTP/1.")[2],
        "no answer": answered and not statuses,
        "fault of the server": any(status >= 500 for status in statuses),
        "never ends": not ended and name not in UNFINISHED,
    }
    then = "answered" if answered else "closed" if ended else "waits"
    return Outcome(statuses, then, ", ".join(fault for fault, is_so in found.items() if is_so))


def _placed(request: bytes) -> bytes:
    """For a real server on this machine: a path that it has, a name that it answers to."""
    path = b"/api/brands"
    request = request.replace(b"/ask", path).replace(b" / ", b" %b " % path, 1)
    return request.replace(b"test", b"localhost")


def _exchange(url: str, data: bytes, patience: float) -> tuple[bytes, bool]:
    """All that comes back, and whether the other side has closed."""
    place, received = urlsplit(url), b""
    with closing(socket.create_connection((place.hostname, place.port), patience)) as one:
        try:
            one.sendall(data)
            while piece := one.recv(65536):
                received += piece
        except ConnectionError:
            pass
        except TimeoutError:
            return received, False
    return received, True


def main(urls: Sequence[str]) -> None:
    outcomes = [try_all(url) for url in urls]
    width = max(map(len, VECTORS))
    print(" " * width, *(f"{urlsplit(url).netloc:20}" for url in urls))
    for name in VECTORS:
        print(f"{name:{width}}", *(f"{of_url[name]!s:20}" for of_url in outcomes), reason(name))


if __name__ == "__main__":
    main(sys.argv[1:])
