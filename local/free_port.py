"""A port of this machine that nobody listens on, for whatever is started for a while."""

import socket


def free_port() -> int:
    """Free at this moment: another program may take it before its finder does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
