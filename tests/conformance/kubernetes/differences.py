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
    "housekeeping": "has its place and account; its CronJobs come with it",
}
# Containers without a counterpart in compose.
ONLY_HERE: Mapping[str, str] = {
    "bootstrap-secrets": "makes Secrets instead of volumes",
    "otel-agent": "reads the logs of pods; compose's collector reads files",
    "kube-state-metrics": "counts Kubernetes' own objects",
}
# Container here → in compose.
OTHER_NAMES: Mapping[str, str] = {}
# Words that are left out, and words that are added.
COMMANDS: Mapping[str, tuple[list[str], list[str]]] = {
    # To its output instead of a file: the agent reads what pods print.
    "queue-redis": ([], ["--logfile", ""]),
    "cache-redis": ([], ["--logfile", ""]),
}
USERS: Mapping[str, str] = {}
MEMORY: Mapping[str, str] = {}
# By container of compose; * for all.
VARIABLES: Mapping[str, dict[str, str]] = {
    "*": {"DRAIN_SECONDS": "5 s, what kube-proxy may take to hear of a pod that leaves"},
}


def by_components(shop: Manifests) -> set[str]:
    """Containers of compose that components have replaced or left out."""
    found = set()
    if not shop.find("Deployment", "ingress"):
        # A controller is the edge, and tells its own metrics.
        found |= {"ingress", "nginx-exporter"}
    if shop.of("PerconaServerMySQL"):
        found |= {"mysql", "accounts"}
    return found
