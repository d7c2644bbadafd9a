"""Namespaces of one part of a cluster: its network, and what it mounts, are nobody else's. They
vanish with their last process, so that nothing of them can be left behind on the machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.cluster.cgroups import ControlGroup
from tools.cluster.processes import Daemon, run

# What a kubelet wants the kernel to be set to. It would write these for the whole machine.
KUBELET_SYSCTLS: Mapping[str, str] = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
# Pods are routed, by more than one way.
_NETWORK_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
}


class Namespaces:
    """Held by a process that only sleeps; everything in them is started through `command`."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.cgroup = ControlGroup(name)
        self._holder = Daemon("namespaces", folder)

    @property
    def pid(self) -> int:
        return self._holder.pid

    def create(self) -> None:
        if self._holder.is_running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cgroup.create()
        # Mounts of the machine come and go in here too; those made here stay here.
        command = ["unshare", "--net", "--mount", "--propagation", "slave"]
        self._holder.start([*command, "sleep", "infinity"], cgroup=self.cgroup.daemons)
        said = Path(f"/proc/{self.pid}/comm")
        self._holder.wait_until(lambda: said.read_text() == "sleep\n", "asleep in its namespaces")
        # Containers' mounts reach the kubelet, and the other way round.
        self.run("mount", "--make-rshared", "/")
        # Locks and sockets of containerd, iptables and others have fixed names in here.
        self.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        for name, value in _NETWORK_SYSCTLS.items():
            self.run("sh", "-c", f"echo {value} > /proc/sys/{name}")
        self.run("ip", "link", "set", "lo", "up")

    def hide_sysctls(self) -> None:
        """Put files in the place of what a kubelet would set for the whole machine."""
        for name, value in KUBELET_SYSCTLS.items():
            file = self.folder / "sysctl" / name
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"{value}\n")
                self.run("mount", "--bind", str(file), f"/proc/sys/{name}")

    def command(self, *command: str | Path) -> list[str | Path]:
        """Not by `ip netns exec`: that would mount /sys anew and hide the cgroups in it."""
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--", *command]

    def run(self, *command: str | Path, stdin: str | None = None) -> str:
        return run(self.command(*command), stdin=stdin)

    def start(
        self, daemon: Daemon, command: Sequence[str | Path], environment: Mapping[str, str] = {}
    ) -> None:
        daemon.start(self.command(*command), environment, cgroup=self.cgroup.daemons)

    def destroy(self) -> None:
        """Whatever runs in them is killed."""
        self.cgroup.remove()
        self._holder.stop()
