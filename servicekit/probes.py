"""`python -m servicekit.probes [URL…]`: exit code 0 if every URL answers 2xx, else 1.

The health check of the image, where no curl is. Imports nothing of the project and little else,
since it starts every few seconds: `http.client` alone would nearly double its CPU time.
"""

import argparse
import os
import socket
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

_ANY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
_PAUSE_SECONDS = 0.1


class ProbeFailed(Exception):
    """The message says which URL, and what is wrong with it."""


def default_url(path: str) -> str:
    """This container's own service, by the HOST and PORT that the service reads too."""
    host = os.environ.get("HOST", "")
    host = _ANY_ADDRESS.get(host, host)
    port = os.environ.get("PORT") or _usual_port()
    return f"http://[{host}]:{port}{path}" if ":" in host else f"http://{host}:{port}{path}"


def _usual_port() -> str:
    """The frontend's in the embedded run that the shell selects (`servicekit.embedded`)."""
    offset = os.environ.get("ARLOJI_PORT_OFFSET") or "0"
    try:
        return str(8080 + int(offset))
    except ValueError:
        raise ProbeFailed(f"ARLOJI_PORT_OFFSET must be a number, not {offset!r}.") from None


def probe(url: str, timeout_seconds: float) -> None:
    """Raise `ProbeFailed` unless `url` answers 2xx in time. Redirects are not followed."""
    try:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("not an http URL")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        status = _fetch_status(parts.hostname, parts.port or 80, target, timeout_seconds)
    except (OSError, ValueError) as error:
        raise ProbeFailed(f"{url}: {error}") from error
    if not 200 <= status <= 299:
        raise ProbeFailed(f"{url}: status {status}")


def _fetch_status(host: str, port: int, target: str, timeout_seconds: float) -> int:
    deadline = time.monotonic() + timeout_seconds
    with socket.create_connection((host, port), timeout_seconds) as connection:
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        request = f"GET {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("ascii"))
        line = b""
        while not line.endswith(b"\n") and len(line) < 100:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            received = connection.recv(1)
            if not received:
                break
            line += received
    version, _, rest = line.decode("latin-1").partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdecimal():
        raise ValueError("no HTTP answer")
    return int(rest[:3])


def probe_all(urls: Sequence[str], timeout_seconds: float, wait_seconds: float) -> None:
    """Raise `ProbeFailed` if one of `urls` is still not healthy after `wait_seconds`."""
    deadline = time.monotonic() + wait_seconds
    for url in urls:
        while True:
            try:
                probe(url, timeout_seconds)
                break
            except ProbeFailed:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m servicekit.probes", description=__doc__)
    parser.add_argument("urls", nargs="*", metavar="URL", help="instead of HOST's and PORT's")
    parser.add_argument("--ready", action="store_true", help="probe /readyz instead of /healthz")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="until healthy")
    parser.add_argument("--timeout", type=float, default=3, metavar="SECONDS", help="of one try")
    options = parser.parse_args(arguments)
    try:
        urls = options.urls or [default_url("/readyz" if options.ready else "/healthz")]
        probe_all(urls, options.timeout, options.wait)
    except ProbeFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
