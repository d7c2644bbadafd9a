"""The whole of it: a control plane, fake nodes in three zones, and measured usage."""

from pathlib import Path

from tools.cluster.control_plane import ControlPlane, Options
from tools.cluster.fake_nodes import FakeNodes
from tools.cluster.metrics_server import start_metrics_server
from tools.cluster.process_group import ProcessGroup

PROGRAMS = (
    *("kubectl", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    *("kwok", "metrics-server"),
)
# None of these nodes ever fails; on a busy machine they are late to say so.
_ARGUMENTS = {"kube-controller-manager": ["--node-monitor-grace-period=15m"]}


class FakeCluster:
    """In an empty folder; `stop` ends what runs there and leaves the folder."""

    def __init__(self, folder: Path, *, detached: bool = False, nodes_per_zone: int = 2) -> None:
        self._processes = ProcessGroup(folder, detached=detached)
        self.control_plane = ControlPlane(self._processes, Options(arguments=_ARGUMENTS))
        self.nodes = FakeNodes(self.control_plane, self._processes, nodes_per_zone)

    def start(self) -> None:
        """Returns once nodes are ready and their usage is measured. If it fails, nothing is left
        running."""
        try:
            self.control_plane.start()
            self.nodes.start()
            self.nodes.set_usage()
            start_metrics_server(self.control_plane)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._processes.stop()
