"""containerd of one node, beside whatever other one this machine runs: root, state and socket are
its own. Written for version 1.6, which comes with Debian's docker.io."""

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tools.cluster.namespaces import Namespaces
from tools.cluster.packages import cni_plugins
from tools.cluster.processes import ClusterFailed, Daemon, run, wait_until

PAUSE_IMAGE = "arloji/pause:1"
# Where images for Kubernetes are.
_IMAGES_OF = "k8s.io"

_FORGET_SECONDS = 20

_CONFIGURATION = """\
version = 2
root = "{root}"
state = "/run/containerd"
# It would make a folder in the machine's /opt.
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
  address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # A container in CI may not lower the score with which the kernel picks what it ends.
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  # The default of containerd 2: who is not root may listen on port 53 of a pod.
  enable_unprivileged_ports = true
  stream_server_address = "127.0.0.1"

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{cni_programs}"
  conf_dir = "{cni_configuration}"
"""


class Containerd:
    def __init__(self, node: Namespaces, root: Path) -> None:
        """`root` keeps the images between runs; only one at a time may use it."""
        self.root = root
        self.socket = node.folder / "containerd.sock"
        self.daemon = Daemon("containerd", node.folder)
        self._node = node

    def start(self, pod_range: str) -> None:
        if (program := shutil.which("containerd")) is None:
            raise ClusterFailed("needs containerd and runc (Debian's docker.io)")
        configuration = self._node.folder / "containerd.toml"
        configuration.write_text(
            _CONFIGURATION.format(
                root=self.root,
                socket=self.socket,
                pause=f"docker.io/{PAUSE_IMAGE}",
                cni_programs=cni_plugins(),
                cni_configuration=self._write_cni(pod_range),
            )
        )
        self.root.mkdir(parents=True, exist_ok=True)
        if self.daemon.is_running:
            return
        command: list[str | Path] = [program, "--config", configuration]
        self._node.start(self.daemon, command)
        self.daemon.wait_until(self._answers)
        if self._forget_pods():
            # It took them for its own when it started.
            self.daemon.stop()
            self._node.start(self.daemon, command)
            self.daemon.wait_until(self._answers)
        # Where a kubelet's cAdvisor asks what a container is called.
        self._node.run("ln", "-sf", str(self.socket), "/run/containerd/containerd.sock")

    def stop(self) -> None:
        """When the processes of all pods are gone."""
        if self.daemon.is_running:
            # Else the next start does it.
            with suppress(ClusterFailed):
                self._forget_pods()
            self.daemon.stop()

    def _forget_pods(self) -> bool:
        """What is left of them, as images are kept but pods are not. Whether there were any."""

        def remove() -> bool:
            # One whose process is just ending is refused.
            with suppress(ClusterFailed):
                if left := self.ctr("containers", "ls", "--quiet").split():
                    self.ctr("containers", "rm", *left)
                return not left
            return False

        containers = self.ctr("containers", "ls", "--quiet").split()
        wait_until(remove, "no pod is left", _FORGET_SECONDS)
        for kind in ("sandboxes", "containers"):
            shutil.rmtree(self.root / "io.containerd.grpc.v1.cri" / kind, ignore_errors=True)
        return bool(containers)

    def _write_cni(self, pod_range: str) -> Path:
        """Each pod has a cable of its own to the node, which routes: nothing is bridged."""
        folder = self._node.folder / "cni"
        folder.mkdir(exist_ok=True)
        addresses = {
            "type": "host-local",
            "subnet": pod_range,
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(self._node.folder / "addresses"),
        }
        plugins = [{"type": "ptp", "ipMasq": False, "ipam": addresses}]
        (folder / "10-arloji.conflist").write_text(
            json.dumps({"cniVersion": "0.4.0", "name": "arloji", "plugins": plugins})
        )
        return folder

    def command(self, *arguments: str) -> list[str | Path]:
        return ["ctr", f"--address={self.socket}", f"--namespace={_IMAGES_OF}", *arguments]

    def ctr(self, *arguments: str) -> str:
        return run(self.command(*arguments))

    def _answers(self) -> bool:
        try:
            self.ctr("version")
        except ClusterFailed:
            return False
        return True

    def images(self) -> Mapping[str, str]:
        """Full name → the id with which `mark` has marked it, empty without."""
        listed = (line.split() for line in self.ctr("images", "ls").splitlines()[1:])
        return {name: _mark_in(labels) for name, *_, labels in listed}

    def tasks(self) -> Mapping[str, int]:
        """Container id → the process that runs in it."""
        listed = (line.split() for line in self.ctr("tasks", "ls").splitlines()[1:])
        return {name: int(pid) for name, pid, *_ in listed}

    def mark(self, image: str, identity: str) -> None:
        self.ctr("images", "label", image, f"{_LABEL}={identity}")


_LABEL = "arloji.image-id"


def _mark_in(labels: str) -> str:
    pairs = (label.partition("=") for label in labels.split(","))
    return next((value for name, _, value in pairs if name == _LABEL), "")
