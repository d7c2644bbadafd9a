"""How many pods of each workload were ready at every moment of a block."""

import subprocess
import threading
from collections import defaultdict
from typing import Self

from tests.waiting import eventually
from tools.cluster.control_plane import ControlPlane

_FIELDS = (
    "{.type}",
    "{.object.metadata.name}",
    r"{.object.metadata.labels.app\.kubernetes\.io/name}",
    "{.object.metadata.deletionTimestamp}",
    '{.object.status.conditions[?(@.type=="Ready")].status}',
)


class PodWatch:
    """Every event counts, in its order: no moment between two looks is missed. A pod that was told
    to end is not ready any more, whatever it says."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self._control_plane, self._namespace = control_plane, namespace
        self._ready: dict[str, set[str]] = defaultdict(set)
        self._lowest: dict[str, int] = {}
        self._seen: set[str] = set()
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        listed = self._control_plane.get("pods", f"--namespace={self._namespace}")["items"]
        first = {pod["metadata"]["name"] for pod in listed}
        self._process = subprocess.Popen(
            [
                *self._control_plane.kubectl_command,
                *("get", "pods", f"--namespace={self._namespace}"),
                *("--watch", "--output-watch-events"),
                f"--output=jsonpath={'|'.join(_FIELDS)}{{'\\n'}}",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        # It begins with what is there, one pod after the other.
        eventually(lambda: first <= self._seen)
        with self._changed:
            self._lowest = {name: len(pods) for name, pods in self._ready.items()}
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._reader.join()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def lowest(self, name: str) -> int:
        """The smallest number of ready pods since the block began."""
        with self._changed:
            return self._lowest.get(name, 0)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            kind, pod, name, deleted, ready = line.rstrip("\n").split("|")
            with self._changed:
                counted = kind != "DELETED" and not deleted and ready == "True"
                (self._ready[name].add if counted else self._ready[name].discard)(pod)
                self._seen.add(pod)
                if name in self._lowest:
                    self._lowest[name] = min(self._lowest[name], len(self._ready[name]))
