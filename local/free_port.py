"""A port of this machine that nobody listens on, for whatever is started for a while."""

import random
import socket
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST, _FEWEST = 12_000, 1_000
_TRIES = 1_000


def free_port() -> int:
    """Free at this moment, and below the ports that the kernel gives to outgoing connections
    (ip(7), ip_local_port_range): with one of those, any connection of any program may have taken
    it before a server listens there. Raises `OSError` if there is none."""
    # Tests that seed the common generator would all be told the same ports.
    generator, end = random.SystemRandom(), _end()
    for _ in range(_TRIES):
        port = generator.randrange(_LOWEST, end)
        if _is_free(port):
            return port
    raise OSError(f"no free port between {_LOWEST} and {end}: stop what holds them")


def _end() -> int:
    try:
        first_ephemeral = int(_EPHEMERAL.read_text().split()[0])
    except OSError:  # not Linux
        return 32_768
    return first_ephemeral if first_ephemeral >= _LOWEST + _FEWEST else 65_536


def _is_free(port: int) -> bool:
    """On every address: what is asked for may listen on all of them."""
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
