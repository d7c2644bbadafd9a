"""Which programs there are, and the module that pins each one."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class GoProgram:
    """`module` is a folder in `modules`; `version_of` the Go module whose version, as go.mod
    pins it, is stamped into `variables`: their values may name {version}, {major} and {minor}.
    `pages` is the folder of that module which only its releases fill, with what a browser would be
    shown."""

    module: str
    package: str
    version_of: str
    variables: Mapping[str, str] = field(default_factory=dict)
    pages: str | None = None
    modules: str = "tools/servers"


_VICTORIA = "github.com/VictoriaMetrics/VictoriaMetrics"
_VICTORIA_LOGS = "github.com/VictoriaMetrics/VictoriaLogs"
_NODE_EXPORTER = "github.com/prometheus/node_exporter"
_ALERTMANAGER = "github.com/prometheus/alertmanager"
_KUBE_STATE_METRICS = "k8s.io/kube-state-metrics/v2"
_SUPERCRONIC = "github.com/aptible/supercronic"
_VICTORIA_VERSION = {f"{_VICTORIA}/lib/buildinfo.Version": "{version}"}
_PROMETHEUS_VERSION = {"github.com/prometheus/common/version.Version": "{version}"}

IMAGE_PROGRAMS: Mapping[str, GoProgram] = {
    "victoria-metrics": GoProgram(
        "victoria-metrics", f"{_VICTORIA}/app/victoria-metrics", _VICTORIA, _VICTORIA_VERSION
    ),
    "vmalert": GoProgram(
        "victoria-metrics", f"{_VICTORIA}/app/vmalert", _VICTORIA, _VICTORIA_VERSION
    ),
    # For the tests of the alert rules; no image has it.
    "vmalert-tool": GoProgram(
        "victoria-metrics", f"{_VICTORIA}/app/vmalert-tool", _VICTORIA, _VICTORIA_VERSION
    ),
    "victoria-logs": GoProgram(
        "victoria-logs", f"{_VICTORIA_LOGS}/app/victoria-logs", _VICTORIA_LOGS, _VICTORIA_VERSION
    ),
    "node_exporter": GoProgram(
        "node-exporter", _NODE_EXPORTER, _NODE_EXPORTER, _PROMETHEUS_VERSION
    ),
    "alertmanager": GoProgram(
        "alertmanager",
        f"{_ALERTMANAGER}/cmd/alertmanager",
        _ALERTMANAGER,
        _PROMETHEUS_VERSION,
        pages="ui/app/dist",
    ),
    "cadvisor": GoProgram(
        "cadvisor", ".", "github.com/google/cadvisor", {"main.version": "{version}"}
    ),
    "kube-state-metrics": GoProgram(
        "kube-state-metrics", _KUBE_STATE_METRICS, _KUBE_STATE_METRICS, _PROMETHEUS_VERSION
    ),
    # The Dockerfile builds it for the image of housekeeping; this one is for tests without Docker.
    "supercronic": GoProgram(
        "supercronic",
        _SUPERCRONIC,
        _SUPERCRONIC,
        {"main.Version": "{version}"},
        modules="housekeeping",
    ),
}
# The collector is generated: its components are listed in a manifest.
COLLECTOR = "otelcol-contrib"

_KUBERNETES = "k8s.io/kubernetes"
# Of Kubernetes itself; without it `kubectl version` cannot read what a server says of itself.
_KUBERNETES_VERSION = {
    "k8s.io/component-base/version.gitVersion": "{version}",
    "k8s.io/component-base/version.gitMajor": "{major}",
    "k8s.io/component-base/version.gitMinor": "{minor}",
}
_ADDITIONS = "kubernetes-additions"


def _kubernetes(name: str) -> GoProgram:
    return GoProgram("kubernetes", f"{_KUBERNETES}/cmd/{name}", _KUBERNETES, _KUBERNETES_VERSION)


def _addition(package: str, version_of: str) -> GoProgram:
    """What runs beside Kubernetes in tests alone: it shares one module, and so one build of
    Kubernetes' libraries."""
    return GoProgram(_ADDITIONS, package, version_of)


# In the order in which they are of use: a control plane first, then nodes.
KUBERNETES_PROGRAMS: Mapping[str, GoProgram] = {
    "kubectl": _kubernetes("kubectl"),
    "etcd": GoProgram("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": _kubernetes("kube-apiserver"),
    "kube-controller-manager": _kubernetes("kube-controller-manager"),
    "kube-scheduler": _kubernetes("kube-scheduler"),
    "kubelet": _kubernetes("kubelet"),
    "kube-proxy": _kubernetes("kube-proxy"),
    "kwok": GoProgram("kwok", "sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok"),
    "metrics-server": _addition(
        "sigs.k8s.io/metrics-server/cmd/metrics-server", "sigs.k8s.io/metrics-server"
    ),
    "coredns": _addition("./coredns", "github.com/coredns/coredns"),
    "kube-network-policies": _addition(
        "sigs.k8s.io/kube-network-policies/cmd", "sigs.k8s.io/kube-network-policies"
    ),
}
GO_PROGRAMS: Mapping[str, GoProgram] = {**IMAGE_PROGRAMS, **KUBERNETES_PROGRAMS}
