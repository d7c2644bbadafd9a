"""A guest's browser: one connection that is kept, and cookies. It runs under Locust only, where
the standard library's sockets are gevent's."""

import http.client
import re
import zlib
from urllib.parse import urlsplit

import gevent

from loadtest.answers import Answer
from loadtest.scenarios import Request

_COOKIE = re.compile(r"([^=;\s]+)=([^;]*)")
_HEADERS = {"User-Agent": "arloji-load", "Accept": "*/*", "Accept-Encoding": "gzip"}


class ConnectionFailed(Exception):
    """Refused, reset, closed or garbled."""


class RequestTimeout(Exception):
    """No whole answer in time."""


class Browser:
    """`cookies` is shared with the next visit of the same guest.

    Not Locust's own client: that one silently sends a request again whose connection broke.
    """

    def __init__(self, url: str, cookies: dict[str, str], timeout_seconds: float) -> None:
        parts = urlsplit(url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname or "", parts.port, timeout=timeout_seconds)
        self._timeout_seconds = timeout_seconds
        self._cookies = cookies

    def send(self, request: Request) -> Answer:
        """Raises ConnectionFailed or RequestTimeout. Redirections are not followed."""
        headers = {**_HEADERS, **request.headers}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in self._cookies.items())
        try:
            with gevent.Timeout(self._timeout_seconds):
                body = request.body.encode() or None
                self._connection.request(request.method, request.path, body, headers)
                response = self._connection.getresponse()
                content = response.read()
            if response.getheader("Content-Encoding") == "gzip":
                content = zlib.decompress(content, 16 + zlib.MAX_WBITS)
        except (gevent.Timeout, TimeoutError):
            self.close()
            raise RequestTimeout from None
        except (OSError, http.client.HTTPException, zlib.error) as error:
            self.close()
            raise ConnectionFailed(type(error).__name__) from None
        self._remember(response.headers.get_all("Set-Cookie") or [])
        text = content.decode("utf-8", "replace")
        return Answer(response.status, text, response.getheader("Location") or "")

    def _remember(self, values: list[str]) -> None:
        for value in values:
            if match := _COOKIE.match(value):
                if "max-age=0" in value.lower():
                    self._cookies.pop(match[1], None)
                else:
                    self._cookies[match[1]] = match[2]

    def close(self) -> None:
        self._connection.close()
