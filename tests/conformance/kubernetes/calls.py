"""Who calls whom on which port: the contract's table (§5), with what only a cluster has.

A pair is narrower than two containers on one network of compose: it has a direction and a port. A
test compares both."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from contracts.services import SERVICES
from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import NAME

Call = tuple[str, str, int]
# Whoever is named here in a call's place is everybody: any pod and any address.
ANYONE = "anyone"
PORT = {one.name: one.port for one in SERVICES}
OTLP, OTLP_GRPC = 4318, 4317
# The API server has no pods that could be selected and another address in each cluster; its port is
# that of managed clusters, kubeadm and kind and k3s, minikube, MicroK8s.
API_PORTS = (443, 6443, 8443, 16443)
KUBELET = 10250
MYSQL, REDIS = 3306, 6379


@dataclass(frozen=True)
class Outsider:
    """Whom the shop meets and the manifests do not make. Without a namespace: an address outside of
    the cluster, or a node's."""

    name: str
    namespace: str | None = None
    labels: dict[str, str] = field(default_factory=dict, hash=False)


OUTSIDERS = (
    Outsider(ANYONE),
    Outsider("dns", "kube-system", {"k8s-app": "kube-dns"}),
    Outsider("stranger", "default", {"app": "stranger"}),
    # Not what a policy may take for the cluster's names because of its namespace alone.
    Outsider("stranger-in-kube-system", "kube-system", {"app": "stranger"}),
    Outsider("ingress-controller", "nginx-ingress", {NAME: "nginx-ingress"}),
    Outsider("gateway", "arloji-gateway", {"gateway.networking.k8s.io/gateway-name": "shop"}),
    Outsider("keda", "keda", {"app": "keda-operator"}),
    Outsider("cert-manager", "cert-manager", {NAME: "cert-manager"}),
)
# Made by Percona's operator, beside the shop's own pods; policies of ours are about it.
HAPROXY = Outsider("haproxy", "arloji", {NAME: "haproxy", "app.kubernetes.io/instance": "mysql"})

# The order path, as in the contract's picture.
SHOP: tuple[Call, ...] = (
    ("frontend", "api-gw", PORT["api-gw"]),
    ("api-gw", "service-http", PORT["service-http"]),
    ("api-gw", "publisher", PORT["publisher"]),
    ("service-http", "mysql", MYSQL),
    ("service-http", "queue-redis", REDIS),
    ("service-http", "cache-redis", REDIS),
    ("publisher", "queue-redis", REDIS),
    ("consumer", "queue-redis", REDIS),
    ("consumer", "cache-redis", REDIS),
    ("consumer", "mysql", MYSQL),
    ("migrate", "mysql", MYSQL),
    ("backup", "mysql", MYSQL),
    ("backup", "queue-redis", REDIS),
    ("archive-logs", "mysql", MYSQL),
    ("purge-orders", "mysql", MYSQL),
    ("purge-audit", "mysql", MYSQL),
    ("reconcile", "mysql", MYSQL),
    ("reconcile", "queue-redis", REDIS),
    ("restore", "mysql", MYSQL),
    ("restore", "queue-redis", REDIS),
)
# In compose one container, `housekeeping`; here each may do what its command needs.
HOUSEKEEPING = (
    *("backup", "archive-logs", "drill", "restore"),
    *("purge-orders", "purge-audit", "reconcile"),
)
EDGE: tuple[Call, ...] = (
    (ANYONE, "ingress", 8080),
    ("ingress", "frontend", PORT["frontend"]),
)
TELEMETRY: tuple[Call, ...] = (
    *((one.name, "otel-collector", OTLP) for one in SERVICES),
    ("otel-agent", "otel-collector", OTLP),
    *((name, "otel-collector", OTLP) for name in HOUSEKEEPING),
    ("otel-collector", "victoria-metrics", 8428),
    ("otel-collector", "victoria-logs", 9428),
    ("otel-collector", "victoria-traces", 10428),
    ("redis-exporter", "queue-redis", REDIS),
    ("redis-exporter", "cache-redis", REDIS),
    ("mysqld-exporter", "mysql", MYSQL),
    ("vmalert", "victoria-metrics", 8428),
    ("vmalert", "alertmanager", 9093),
    ("vmalert-logs", "victoria-logs", 9428),
    ("vmalert-logs", "victoria-metrics", 8428),
    ("vmalert-logs", "alertmanager", 9093),
    ("alertmanager", "alert-page", 8090),
    ("alert-page", "alertmanager", 9093),
    ("alert-page", "victoria-metrics", 8428),
    ("alert-page", "vmalert", 8880),
    ("grafana", "victoria-metrics", 8428),
    ("grafana", "victoria-logs", 9428),
    ("grafana", "victoria-traces", 10428),
)
# What VictoriaMetrics fetches; nginx's exporter is a sidecar of the edge.
SCRAPED: tuple[Call, ...] = tuple(
    ("victoria-metrics", name, port)
    for name, port in {
        "otel-collector": 8888,
        "otel-agent": 8888,
        "node-exporter": 9100,
        "kube-state-metrics": 8080,
        "redis-exporter": 9121,
        "mysqld-exporter": 9104,
        "ingress": 9113,
        "victoria-logs": 9428,
        "victoria-traces": 10428,
        # Asked for rules as well, which Grafana shows.
        "vmalert": 8880,
        "vmalert-logs": 8880,
        "alertmanager": 9093,
        ANYONE: KUBELET,
    }.items()
)
API: tuple[Call, ...] = tuple(
    (name, ANYONE, port)
    for name in ("bootstrap-secrets", "victoria-metrics", "kube-state-metrics")
    for port in API_PORTS
)


def outsiders_of(shop: Manifests) -> list[Outsider]:
    return [*OUTSIDERS, HAPROXY] if "mysql-percona" in shop.components else [*OUTSIDERS]


def calls_of(shop: Manifests) -> set[Call]:
    """Those between members that this set has."""
    names = {pod.name for pod in shop.pods}
    members = names | {one.name for one in outsiders_of(shop)}
    found = {*SHOP, *EDGE, *TELEMETRY, *SCRAPED, *API, *_of_components(shop)}
    # Everybody asks for names, and so may whoever is among them.
    found |= {(name, "dns", 53) for name in {*names, HAPROXY.name}}
    return {call for call in found if {call[0], call[1]} <= members}


def _of_components(shop: Manifests) -> Iterable[Call]:
    has = shop.components
    if "ingress" in has:
        yield "ingress-controller", "frontend", PORT["frontend"]
    if "nic-config" in has:
        yield "ingress-controller", "otel-collector", OTLP_GRPC
    if "gateway-api" in has:
        yield "gateway", "frontend", PORT["frontend"]
    if "ngf-policies" in has:
        yield "gateway", "otel-collector", OTLP_GRPC
    if "tls" in has:
        yield "victoria-metrics", "cert-manager", 9402
    if "keda" in has:
        yield "keda", "queue-redis", REDIS
    if "backup-s3" in has:
        yield from ((name, ANYONE, 443) for name in HOUSEKEEPING[:4])
    if "mysql-percona" in has:
        yield from ((client, "haproxy", MYSQL) for client, server, _ in SHOP if server == "mysql")
        yield "mysqld-exporter", "haproxy", MYSQL
    if "load-test" in has:
        yield from (("load", "ingress", 8080), ("load-worker", "ingress", 8080))
        yield from (("load-worker", "load", 5557), ("load", "load", 5557))
        yield from ((name, ANYONE, port) for name in ("load", "load-worker") for port in (80, 443))
