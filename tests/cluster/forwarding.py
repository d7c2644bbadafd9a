"""A port of a pod on this machine, by `kubectl port-forward`, for as long as the pod lives."""

import re
from collections.abc import Sequence
from pathlib import Path

from tests.processes import Process


class PortForward(Process):
    """`url` is good at once."""

    def __init__(self, kubectl: Sequence[str], pod: str, port: int, folder: Path) -> None:
        log = folder / f"{pod}-{port}.log"
        log.unlink(missing_ok=True)
        command = [*kubectl, "port-forward", f"pod/{pod}", f":{port}"]
        super().__init__(command, log, lambda: bool(self._announced()))
        self.start()
        self.url = f"http://127.0.0.1:{self._announced()}"

    def _announced(self) -> str:
        found = re.search(r"Forwarding from 127\.0\.0\.1:(\d+)", self.output())
        return found[1] if found else ""
