"""A shop with everything between its services that can go wrong, and what makes it go wrong."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.checkouts import Checkout
from benchmarks.processes import Shop, shop
from local.free_port import free_offset, free_port
from local.layout import ROOT
from local.supervisor import enter_child
from servicekit.embedded import PORTS

# To whom → who connects, and by which setting.
EDGES: Mapping[str, tuple[str, str]] = {
    "api-gw": ("frontend", "API_GW_URL"),
    "service-http": ("api-gw", "SERVICE_HTTP_URL"),
    "publisher": ("api-gw", "PUBLISHER_URL"),
}
# The one that has a name; services of a run that is for its machine only answer to no other name.
_NAMED, _NAME = "publisher", "localhost"
_HOSTS = f"127.0.0.1 {_NAME}\n"


class FaultFailed(Exception):
    """A fault cannot be made on this system."""


@dataclass
class Faults:
    """What may be done to the shop. `heal` undoes all of it."""

    shop: Shop | None
    proxies: "subprocess.Popen[str]"
    hosts: Path | None = None
    _undo: list[Callable[[], None]] = field(default_factory=list)

    def network(self, edge: str, mode: str, seconds: float = 0.0) -> None:
        self._tell(f"{edge} {mode} {seconds}")
        self._undo.append(lambda: self._tell(f"{edge} pass"))

    def freeze(self, service: str) -> None:
        assert self.shop is not None
        pid = self.shop.pids()[service]
        os.kill(pid, signal.SIGSTOP)

        def resume() -> None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        self._undo.append(resume)

    def lose_name(self) -> None:
        """Of the publisher."""
        if self.hosts is None:
            raise FaultFailed("this user may not have a mount namespace (unshare --mount)")
        hosts = self.hosts
        hosts.write_text("")  # in place: it is mounted

        def restore() -> None:
            hosts.write_text(_HOSTS)

        self._undo.append(restore)

    def heal(self) -> None:
        while self._undo:
            self._undo.pop()()

    def _tell(self, line: str) -> None:
        assert self.proxies.stdin is not None
        assert self.proxies.stdout is not None
        self.proxies.stdin.write(f"{line}\n")
        self.proxies.stdin.flush()
        if self.proxies.stdout.readline().strip() != "done":
            raise FaultFailed(f"the fault proxy did not do {line!r}")


@contextmanager
def faulty_shop(folder: Path, checkout: Checkout, *options: str) -> Iterator[Faults]:
    """Its services reach each other through proxies, and one by a name that can be lost (where the
    system lets a process have names of its own), until the end of the block."""
    offset, ports = free_offset(), {edge: free_port() for edge in EDGES}
    hosts = folder / "hosts"
    hosts.write_text(_HOSTS)
    wrapper = _wrapper(hosts, folder)
    settings = []
    for edge, (caller, setting) in EDGES.items():
        host = _NAME if wrapper and edge == _NAMED else "127.0.0.1"
        settings += ["--set", f"{caller}.{setting}=http://{host}:{ports[edge]}"]
    targets = {edge: (port, PORTS[edge] + offset) for edge, port in ports.items()}
    with (
        proxies(targets) as process,
        shop(
            folder / "shop",
            *(*settings, *options),
            checkout=checkout,
            offset=offset,
            wrapper=wrapper,
        ) as running,
    ):
        faults = Faults(running, process, hosts if wrapper else None)
        try:
            yield faults
        finally:
            faults.heal()


def _wrapper(hosts: Path, folder: Path) -> list[str]:
    """What gives the shop, and nobody else, this file of names, and no server to ask for others;
    empty where this user may not have a mount namespace."""
    resolver = folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    script = (
        f"mount --bind {shlex.quote(str(hosts))} /etc/hosts && "
        f"mount --bind {shlex.quote(str(resolver))} /etc/resolv.conf && "
    )
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = [shutil.which("unshare") or "unshare", *root, "--mount", "sh", "-c"]
    with suppress(OSError):
        tried = subprocess.run([*command, f"{script} true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return [*command, f'{script} exec "$@"', "sh"]
    return []


@contextmanager
def proxies(targets: Mapping[str, tuple[int, int]]) -> "Iterator[subprocess.Popen[str]]":
    arguments = [f"{edge}={port}:{target}" for edge, (port, target) in targets.items()]
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.pressure.fault_proxy", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=enter_child,
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise FaultFailed("the fault proxies did not start")
        try:
            yield process
        finally:
            process.kill()
