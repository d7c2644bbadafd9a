"""What has to be done again and again for as long as a part is disturbed."""

import resource
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Event

from tests.compose.project import ComposeProject

# Beyond the bound of a process in compose (`MAX_CONNECTIONS`), of which room is made for newcomers.
_KEPT = 1200
# Of the orders of a round 20 in 28 then wait for longer than 5 s, clearly more than half.
_HALTED_SECONDS, _RUNNING_SECONDS = 25, 3


class Disturbance:
    """`deed` goes on until its event is set."""

    def __init__(self, deed: Callable[[ComposeProject, Event], object]) -> None:
        self._deed, self._over = deed, Event()
        self._thread: threading.Thread | None = None

    def begin(self, project: ComposeProject) -> None:
        self._over.clear()
        self._thread = threading.Thread(target=self._deed, args=(project, self._over))
        self._thread.start()

    def end(self, _project: ComposeProject) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()


def keep_connecting(service: str, port: int) -> Disturbance:
    """To its first container, from this machine, without asking anything."""

    def connect(project: ComposeProject, over: Event) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        address = next(iter(project.containers(service)[0].addresses.values()))
        kept: deque[socket.socket] = deque()
        # Those that ask nothing for 10 s are closed in any case: more than a tenth each second.
        while not over.wait(0.002):
            with suppress(OSError):
                kept.append(socket.create_connection((address, port), timeout=10))
            if len(kept) > _KEPT:
                kept.popleft().close()
        for one in kept:
            one.close()

    return Disturbance(connect)


def halt_now_and_then(service: str) -> Disturbance:
    """All replicas, as on a machine that is short of everything."""

    def halt(project: ComposeProject, over: Event) -> None:
        while not over.is_set():
            project.pause(service)
            over.wait(_HALTED_SECONDS)
            project.resume(service)
            over.wait(_RUNNING_SECONDS)

    return Disturbance(halt)
