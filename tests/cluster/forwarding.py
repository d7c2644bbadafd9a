"""A port of a pod on this machine. From the node itself, as a kubelet's probes come, so that no
network policy holds it up."""

import socket
import sys
from pathlib import Path

from tests.processes import ROOT, Process


class PortForward(Process):
    """`url` is good at once, and for as long as the pod lives."""

    def __init__(self, node: int, address: str, port: int, folder: Path) -> None:
        """`node` is the process that holds its namespaces."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            way = f"{listener.fileno()}={address}:{port}"
            command = [sys.executable, "-m", "tools.cluster.forward", way]
            super().__init__(
                ["nsenter", f"--net=/proc/{node}/ns/net", *command],
                folder / f"{address}-{port}.log",
                cwd=ROOT,
                pass_fds=[listener.fileno()],
            )
            self.start()
