"""A real control plane: etcd, API server, controller manager, scheduler. Ready within seconds, in
a folder of its own, and forgotten with it."""

import functools
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.free_port import free_port
from tools.cluster.pki import Authority, KeyPair, create_signing_keys, write_kubeconfig
from tools.cluster.process_group import ProcessGroup
from tools.cluster.processes import ClusterFailed
from tools.go_programs.build import build_program

SERVICE_RANGE = "10.96.0.0/16"
_API_SERVICE_ADDRESS = "10.96.0.1"
_API_NAMES = (
    *("kubernetes", "kubernetes.default", "kubernetes.default.svc"),
    "kubernetes.default.svc.cluster.local",
)
ADMINISTRATORS = "system:masters"
LOOPBACK = "127.0.0.1"
_REQUEST_SECONDS = 180
# Whether a program is there is asked of Go, which takes longer than what kubectl has to do.
program = functools.cache(build_program)


@dataclass(frozen=True)
class Options:
    """`address` is where the servers listen, and what their certificates say beside loopback;
    `port` the API server's, any by default (network policies know the usual ones only).
    `arguments` are added to a component's own, and win over them."""

    address: str = LOOPBACK
    port: int = 0
    arguments: Mapping[str, Sequence[str]] = field(default_factory=dict)


class ControlPlane:
    def __init__(self, processes: ProcessGroup, options: Options | None = None) -> None:
        self.processes, self._options = processes, options or Options()
        self.folder = processes.folder
        self.port = self._options.port or free_port()
        self.address = self._options.address
        self.server = f"https://{self.address}:{self.port}"
        self._etcd = f"http://127.0.0.1:{free_port()}"
        self._pki = self.folder / "pki"
        self.authority = Authority(self._pki)
        self.kubeconfig = self.kubeconfig_of("admin", "arloji-admin", (ADMINISTRATORS,))

    def kubeconfig_of(self, name: str, user: str, groups: Sequence[str] = ()) -> Path:
        """A file with which a client is this user."""
        client = self.authority.issue(name, user, groups)
        path = self.folder / f"{name}.kubeconfig"
        return write_kubeconfig(path, self.server, self.authority.files, client)

    def start(self) -> None:
        """Returns once the API server is ready; the others follow by themselves."""
        self._start_etcd()
        self._start_api_server()
        manager = self.kubeconfig_of("controller-manager", "system:kube-controller-manager")
        scheduler = self.kubeconfig_of("scheduler", "system:kube-scheduler")
        self._start("kube-controller-manager", self._manager_arguments(manager))
        self._start("kube-scheduler", _client_arguments(scheduler))

    def kubectl(self, *arguments: str | Path, content: str | None = None) -> str:
        """What kubectl prints; raises `ClusterFailed` with what it complains about."""
        done = self.try_kubectl(*arguments, content=content)
        if done.returncode:
            shown = " ".join(str(argument) for argument in arguments)
            raise ClusterFailed(f"kubectl {shown}\n{done.stdout[-2000:]}{done.stderr[-6000:]}")
        return done.stdout

    def try_kubectl(
        self, *arguments: str | Path, content: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.processes.prefix, *self.kubectl_command, *arguments],
            input=content,
            capture_output=True,
            text=True,
            timeout=_REQUEST_SECONDS,
            check=False,
        )

    @property
    def kubectl_command(self) -> list[str]:
        return [str(program("kubectl")), f"--kubeconfig={self.kubeconfig}"]

    def get(self, *arguments: str) -> Any:
        return json.loads(self.kubectl("get", "--output=json", *arguments))

    def _start_etcd(self) -> None:
        peers = f"http://127.0.0.1:{free_port()}"
        arguments = [
            *("--name=arloji", f"--data-dir={self.folder / 'etcd'}"),
            *(f"--listen-client-urls={self._etcd}", f"--advertise-client-urls={self._etcd}"),
            *(f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}"),
            f"--initial-cluster=arloji={peers}",
            # Nothing in here outlives the machine.
            "--unsafe-no-fsync",
        ]
        self._start("etcd", arguments)
        said = "ready to serve client requests"
        self.processes.wait("etcd", lambda: said in self.processes.output("etcd"))

    def _start_api_server(self) -> None:
        names = ("localhost", "127.0.0.1", self._options.address, _API_SERVICE_ADDRESS, *_API_NAMES)
        serving = self.authority.issue("kube-apiserver", "kube-apiserver", hosts=names)
        # What kubelets let in, with the binding that `allow_kubelet_client` makes.
        kubelets = self.authority.issue("kubelet-client", "kube-apiserver-kubelet-client")
        self._start(
            "kube-apiserver",
            [
                *(f"--etcd-servers={self._etcd}", f"--secure-port={self.port}"),
                *(f"--bind-address={self._options.address}", "--endpoint-reconciler-type=none"),
                *(f"--service-cluster-ip-range={SERVICE_RANGE}", "--allow-privileged=true"),
                *("--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"),
                f"--client-ca-file={self.authority.files.certificate}",
                *serving_arguments(serving),
                f"--kubelet-client-certificate={kubelets.certificate}",
                f"--kubelet-client-key={kubelets.key}",
                "--kubelet-preferred-address-types=InternalIP",
                *self._service_account_arguments(),
                *self._front_proxy_arguments(),
            ],
        )
        ready = ("get", "--raw", "/readyz", "--request-timeout=5s")
        self.processes.wait(
            "kube-apiserver", lambda: self.try_kubectl(*ready).stdout.strip() == "ok"
        )

    def _front_proxy_arguments(self) -> list[str]:
        """For the aggregation layer, by which metrics-server answers."""
        front = Authority(self._pki, "front-proxy-ca")
        proxy = front.issue("front-proxy-client", "front-proxy-client")
        return [
            f"--requestheader-client-ca-file={front.files.certificate}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={proxy.certificate}",
            f"--proxy-client-key-file={proxy.key}",
        ]

    def _service_account_arguments(self) -> list[str]:
        public, private = create_signing_keys(self._pki, "service-accounts")
        return [
            f"--service-account-key-file={public}",
            f"--service-account-signing-key-file={private}",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        ]

    def _manager_arguments(self, kubeconfig: Path) -> list[str]:
        authority = self.authority.files
        return [
            *_client_arguments(kubeconfig),
            "--use-service-account-credentials",
            f"--root-ca-file={authority.certificate}",
            f"--service-account-private-key-file={self._pki / 'service-accounts.key'}",
            f"--cluster-signing-cert-file={authority.certificate}",
            f"--cluster-signing-key-file={authority.key}",
            *(f"--service-cluster-ip-range={SERVICE_RANGE}", "--allocate-node-cidrs=false"),
            # A third of the usual, and no wait for a pod's first minutes: tests watch it happen.
            "--horizontal-pod-autoscaler-sync-period=5s",
            "--horizontal-pod-autoscaler-cpu-initialization-period=10s",
            "--horizontal-pod-autoscaler-initial-readiness-delay=5s",
        ]

    def _start(self, component: str, arguments: Sequence[str]) -> None:
        added = self._options.arguments.get(component, ())
        self.processes.start(component, [program(component), *arguments, *added])


def _client_arguments(kubeconfig: Path) -> list[str]:
    return [
        *(f"--kubeconfig={kubeconfig}", "--leader-elect=false"),
        *(f"--authentication-kubeconfig={kubeconfig}", f"--authorization-kubeconfig={kubeconfig}"),
        *("--bind-address=127.0.0.1", f"--secure-port={free_port()}"),
        # Far above the usual: whole overlays come and go at once.
        *("--kube-api-qps=200", "--kube-api-burst=400"),
    ]


def serving_arguments(pair: KeyPair) -> list[str]:
    return [f"--tls-cert-file={pair.certificate}", f"--tls-private-key-file={pair.key}"]
