"""Who calls whom on which port: the contract's table (§5), with what only a cluster has.

A pair is narrower than two containers on one network of compose: it has a direction and a port. A
test compares both."""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.services import SERVICES
from tests.conformance.kubernetes.manifests import Manifests

Call = tuple[str, str, int]
PORT = {one.name: one.port for one in SERVICES}
OTLP = 4318


@dataclass(frozen=True)
class Outsider:
    """Whom the shop meets and does not run. `namespace` is None for an address outside."""

    name: str
    namespace: str | None = None
    labels: tuple[tuple[str, str], ...] = ()


# A node's address stands for the API server and the kubelets, which have no pods to select.
OUTSIDERS = (
    Outsider("anyone"),
    Outsider("dns", "kube-system", (("k8s-app", "kube-dns"),)),
    Outsider("stranger", "default", (("app", "stranger"),)),
    Outsider("ingress-controller", "nginx-ingress", (("app.kubernetes.io/name", "nginx-ingress"),)),
    Outsider("keda", "keda", (("app.kubernetes.io/name", "keda-operator"),)),
)

# The order path, as in the contract's picture.
SHOP: tuple[Call, ...] = (
    ("frontend", "api-gw", PORT["api-gw"]),
    ("api-gw", "service-http", PORT["service-http"]),
    ("api-gw", "publisher", PORT["publisher"]),
    ("service-http", "mysql", 3306),
    ("service-http", "queue-redis", 6379),
    ("service-http", "cache-redis", 6379),
    ("publisher", "queue-redis", 6379),
    ("consumer", "queue-redis", 6379),
    ("consumer", "cache-redis", 6379),
    ("consumer", "mysql", 3306),
    ("migrate", "mysql", 3306),
)
EDGE: tuple[Call, ...] = (
    ("anyone", "ingress", 8080),
    ("stranger", "ingress", 8080),
    ("ingress", "frontend", PORT["frontend"]),
    ("nginx-exporter", "ingress", 8081),
)
TELEMETRY: tuple[Call, ...] = (
    *((one.name, "otel-collector", OTLP) for one in SERVICES),
    ("otel-collector", "victoria-metrics", 8428),
    ("otel-collector", "victoria-logs", 9428),
    ("otel-collector", "victoria-traces", 10428),
    ("redis-exporter", "queue-redis", 6379),
    ("redis-exporter", "cache-redis", 6379),
    ("mysqld-exporter", "mysql", 3306),
    ("vmalert", "victoria-metrics", 8428),
    ("vmalert", "alertmanager", 9093),
    ("grafana", "victoria-metrics", 8428),
    ("grafana", "victoria-logs", 9428),
    ("grafana", "victoria-traces", 10428),
)


def calls_of(shop: Manifests) -> set[Call]:
    """Those between members that this set has."""
    names = {pod.name for pod in shop.pods}
    members = names | {one.name for one in OUTSIDERS}
    found = {*SHOP, *EDGE, *TELEMETRY, *_of_components(shop)}
    found |= {(name, "dns", 53) for name in names}
    return {call for call in found if {call[0], call[1]} <= members and names & {*call[:2]}}


def _of_components(shop: Manifests) -> Iterable[Call]:
    if shop.of("Ingress", "HTTPRoute"):
        yield "ingress-controller", "frontend", PORT["frontend"]
    if shop.of("ScaledObject"):
        yield "keda", "queue-redis", 6379
