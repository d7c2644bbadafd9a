"""Where Kubernetes runs something else than compose, and why: all else must be equal."""

from collections.abc import Mapping

from tests.conformance.kubernetes.manifests import Manifests

# Containers of compose without a counterpart.
NOT_HERE: Mapping[str, str] = {
    "bootstrap": "gives volumes to their owners, which fsGroup does; secrets: bootstrap-secrets",
    "cadvisor": "is in every kubelet",
    "docker-proxy": "serves cAdvisor",
    "load": "component load-test",
    "load-worker": "component load-test",
    **dict.fromkeys(
        (f"rotate-{one}-logs" for one in ("nginx", "mysql", "queue-redis", "cache-redis")),
        "pods print their logs; the kubelet rotates them",
    ),
    "restorer": "the task `restore`, which is in a set of its own",
}
# Containers without a counterpart in compose.
ONLY_HERE: Mapping[str, str] = {
    "bootstrap-secrets": "makes Secrets instead of volumes",
    "otel-agent": "reads the logs of pods; compose's collector reads files",
    "queue": "mends the collector's queue after a power cut; in compose, bootstrap does",
    "administrator": "makes the account that Percona's operator does not; component mysql-percona",
    "kube-state-metrics": "counts Kubernetes' own objects",
    "cluster-autoscaler": "component cluster-autoscaler-*",
    "pause": "component overprovisioning",
}
# Commands of housekeeping, which one container of compose runs, and here each one of its own.
HOUSEKEEPING = frozenset(
    {"backup", "purge-backups", "archive-logs", "drill", "restore"}
    | {"purge-orders", "purge-audit", "reconcile"}
)
# Container here → in compose.
OTHER_NAMES: Mapping[str, str] = {
    "schema": "migrate",
    **dict.fromkeys(HOUSEKEEPING, "housekeeping"),
    "restore": "restorer",
}
# By container here: words that are left out, and words that are added.
COMMANDS: Mapping[str, tuple[list[str], list[str]]] = {
    # To its output instead of a file: the agent reads what pods print.
    "queue-redis": ([], ["--logfile", ""]),
    "cache-redis": ([], ["--logfile", ""]),
    # Nothing starts them when MySQL is there: they wait themselves.
    "accounts": ([], ["--wait", "600"]),
    "schema": ([], ["--wait", "60"]),
    "rights": ([], ["--wait", "60"]),
    # Beside nginx, instead of on its network.
    "nginx-exporter": (
        ["--nginx.scrape-uri=http://ingress:8081/stub_status"],
        ["--nginx.scrape-uri=http://127.0.0.1:8081/stub_status"],
    ),
    # What only one of the two has to read or to scrape is in a file of its own.
    "otel-collector": (
        ["/etc/collector/compose.yaml"],
        ["/etc/collector/kubernetes.yaml"],
    ),
    "victoria-metrics": (
        ["-promscrape.config=/etc/scrape/compose.yaml"],
        ["-promscrape.config=/etc/scrape/kubernetes.yaml"],
    ),
    # Not in its node's process namespace, and beside containerd's and the kubelet's mounts. Log
    # files are the kubelet's to rotate, and no job is without a network.
    "node-exporter": (
        [
            "--collector.filesystem.mount-points-exclude=^/(dev|proc|run|sys|var/lib/docker/.+)($|/)",
            "--collector.textfile",
            "--collector.textfile.directory=/textfile/jobs",
            "--collector.textfile.directory=/textfile/host",
        ],
        [
            "--path.procfs=/host/proc",
            "--path.sysfs=/host/sys",
            "--collector.filesystem.mount-points-exclude="
            "^/(dev|proc|run|sys|var/lib/(docker|containerd|kubelet)/.+)($|/)",
        ],
    ),
    # Its master's address and the load are settings of the component's ConfigMap.
    "load": (["--host=http://ingress:8080"], []),
}
USERS: Mapping[str, str] = {}
MEMORY: Mapping[str, str] = {}
# By container here; * for all.
VARIABLES: Mapping[str, Mapping[str, str]] = {
    "*": {
        "DRAIN_SECONDS": "5 s: k8s/base/services/shared/deployment.yaml has the sum",
        "OTEL_RESOURCE_ATTRIBUTES": "which pod on which node",
    },
    "frontend": {"COOKIE_SUFFIX": "by port-forward it shares a host with compose"},
    "ingress": {
        "FRONTEND_HOST": "nginx knows no search domains",
        "NGINX_LOG_DESTINATION": "the agent reads what pods print",
        "PROXY_CONNECT_TIMEOUT": "to another node, through whatever enforces policies",
    },
    "mysql": {
        "MYSQL_LOG_DESTINATION": "the agent reads what pods print",
        "MYSQL_ADMINISTRATOR_HOST": "the Job is in another pod than the socket",
    },
    "grafana": dict.fromkeys(
        ("GF_AUTH_ANONYMOUS_ENABLED", "GF_AUTH_ANONYMOUS_ORG_ROLE"),
        "a cluster is no machine of one's own: nobody looks without a login",
    ),
    "victoria-metrics": {"COMPOSE_PROJECT_NAME": "names containers of compose alone"},
    "rights": {"DATABASE_ACCOUNTS_FILE": "only `accounts` reads it"},
    "load": dict.fromkeys(
        ("LOAD_STEP_SECONDS", "LOCUST_HOST", "LOAD_ALLOW_HOST"), "an autoscaler needs its time"
    ),
    "load-worker": dict.fromkeys(
        (
            *("LOAD_STEPS", "LOAD_STEP_SECONDS", "LOAD_ARRIVALS", "LOAD_SEED"),
            *("LOCUST_HOST", "LOAD_ALLOW_HOST"),
        ),
        "one ConfigMap for both",
    ),
}
# By component: what it is for.
_CHANGED_BY: Mapping[str, Mapping[str, set[str]]] = {
    "backup-encryption": {name: {"BACKUP_RECIPIENT"} for name in ("backup", "archive-logs")},
    "load-test": {"ingress": {"INGRESS_RATE_LIMIT"}, "api-gw": {"GUEST_ORDER_RATE"}},
    "tls": {"frontend": {"COOKIE_SECURE"}},
}


def explained_variables(shop: Manifests, name: str) -> set[str]:
    by_components = (
        _CHANGED_BY[one].get(name, set()) for one in shop.components & _CHANGED_BY.keys()
    )
    return {
        *VARIABLES["*"],
        *VARIABLES.get(name, {}),
        *(key for one in by_components for key in one),
    }


def left_out(shop: Manifests) -> set[str]:
    """Containers of compose that components have replaced."""
    found = {*NOT_HERE}
    if "nginx-edge" not in shop.components:
        # A controller is the edge, and tells its own metrics.
        found |= {"ingress", "nginx-exporter"}
    if "mysql-percona" in shop.components:
        found |= {"mysql"}
    return found
