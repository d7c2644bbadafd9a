"""Ports of this machine that nobody listens on, for whatever is started for a while.

What a process was given stays its own until it ends: it keeps one port beside them bound, which
tells other processes so, be the rest listened on yet, or not just now because a server restarts.
"""

import random
import socket
from collections import deque
from pathlib import Path

from servicekit.embedded import PORTS

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST, _FEWEST = 20_000, 1_000
_BLOCK = 64
_TRIES = 1_000
# Of runs with all their ports moved: they end below the others, and no two of them meet.
_OFFSETS = range(1_000, 11_900, 20)
_CLAIM = PORTS["frontend"] - 1

_own: deque[int] = deque()


def free_port() -> int:
    """Free at this moment, never given before, and below the ports that the kernel gives to
    outgoing connections (ip(7), ip_local_port_range): with one of those, any connection of any
    program may have taken it before a server listens there. Raises `OSError` if there is none."""
    while True:
        if not _own:
            _own.extend(_new_block())
        if _is_free(port := _own.popleft()):
            return port


def free_offset() -> int:
    """An ARLOJI_PORT_OFFSET that leads to such ports only, never given before."""
    for offset in random.SystemRandom().sample(_OFFSETS, len(_OFFSETS)):
        if _claimed(_CLAIM + offset) and all(_is_free(port + offset) for port in PORTS.values()):
            return offset
    raise OSError("no free ports for a shop: stop what holds them")


def _new_block() -> range:
    end = _end()
    for _ in range(_TRIES):
        # Tests that seed the common generator would all be told the same ports.
        first = random.SystemRandom().randrange(_LOWEST, end, _BLOCK)
        if _claimed(first):
            return range(first + 1, min(first + _BLOCK, end))
    raise OSError(f"no free port between {_LOWEST} and {end}: stop what holds them")


def _end() -> int:
    try:
        first_ephemeral = int(_EPHEMERAL.read_text().split()[0])
    except OSError:  # not Linux
        return 32_768
    return first_ephemeral if first_ephemeral >= _LOWEST + _FEWEST else 65_536


def _claimed(port: int) -> bool:
    with socket.socket() as claim:
        is_bound = _bind(claim, port)
        if is_bound:
            claim.detach()  # left open: the system closes it when the process has ended
    return is_bound


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return _bind(probe, port)


def _bind(to_bind: socket.socket, port: int) -> bool:
    """On every address: what is asked for may listen on all of them."""
    try:
        to_bind.bind(("", port))
    except OSError:
        return False
    return True
