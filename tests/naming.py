"""What the system's resolver says, as a test wants it: `socket.getaddrinfo` for some names."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


class SystemNames:
    """`addresses` of a name that is not in it are the system's own."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        # Each look-up of these waits for its name to be taken out.
        self._hanging: dict[str, threading.Event] = {}
        self.asked: Counter[str] = Counter()
        self._ask = socket.getaddrinfo

    def hang(self, name: str) -> None:
        self._hanging[name] = threading.Event()

    def go_on(self, name: str) -> None:
        self._hanging.pop(name).set()

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        self.asked[name] += 1
        if waiting := self._hanging.get(name):
            waiting.wait(60)
        if name not in self.addresses:
            return self._ask(host, port, *args, **options)
        if not self.addresses[name]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, (address, port or 0)) for address in self.addresses[name]]

    def stop(self) -> None:
        for name in list(self._hanging):
            self.go_on(name)


@contextmanager
def system_names() -> Iterator[SystemNames]:
    names = SystemNames()
    with patch("socket.getaddrinfo", names.getaddrinfo):
        try:
            yield names
        finally:
            names.stop()
