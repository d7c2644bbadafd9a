"""Which overlays and components go together, in one table: docs/kubernetes.md repeats it."""

from collections.abc import Mapping
from dataclasses import dataclass

OVERLAYS = ("small", "ha", "production")


@dataclass(frozen=True)
class Set:
    """An overlay whose list of components was changed, as its readers are told to change it."""

    overlay: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    # A folder of k8s/tasks, which an operator starts in it.
    task: str = ""

    def __str__(self) -> str:
        changes = [*(f"-{one}" for one in self.removed), *(f"+{one}" for one in self.added)]
        return "".join([self.overlay, *changes, self.task and f" and {self.task}"])


# Component → the overlays to which it may be added, alone. Left out are those that every overlay
# with the edge or the scaler has.
ALONE: Mapping[str, tuple[str, ...]] = {
    "audit-shared": ("small", "ha", "production"),
    "backup-encryption": ("small", "ha", "production"),
    "backup-s3": ("small", "ha"),
    "cluster-autoscaler-aws": ("ha",),
    "cluster-autoscaler-clusterapi": ("ha",),
    "external-secrets": ("small", "ha"),
    "karpenter": ("ha",),
    "keda": ("small", "ha"),
    "load-test": ("small", "ha", "production"),
    "mysql-percona": ("small", "ha"),
    "nic-config": ("ha",),
    "overprovisioning": ("ha",),
    "pdb-strict": ("small", "ha"),
    "tls": ("ha",),
    "vpa-recommend": ("small", "ha", "production"),
    "zones": ("small",),
}
# Those that only go with another, and the exchanges that the documentation names.
DOCUMENTED = (
    Set("small", added=("ingress", "site"), removed=("nginx-edge",)),
    Set("small", added=("gateway-api", "site"), removed=("nginx-edge",)),
    Set("ha", added=("gateway-api",), removed=("ingress",)),
    Set("ha", added=("gateway-api", "ngf-policies"), removed=("ingress",)),
    Set("ha", added=("gateway-api", "ngf-policies", "load-test"), removed=("ingress",)),
    Set("small", added=("gateway-api", "ngf-policies", "site"), removed=("nginx-edge",)),
    Set(
        "production",
        added=("gateway-api", "ngf-policies"),
        removed=("ingress", "nic-config", "tls"),
    ),
    Set("ha", added=("mysql-percona", "mysql-percona-backup")),
    Set("ha", added=("mysql-percona", "audit-shared")),
    Set("ha", added=("karpenter", "overprovisioning")),
    Set("production", removed=("cluster-autoscaler-aws",)),
    Set(
        "production", added=("cluster-autoscaler-clusterapi",), removed=("cluster-autoscaler-aws",)
    ),
    Set("production", added=("karpenter",), removed=("cluster-autoscaler-aws",)),
)
# Never named by an overlay: what other components have in common.
SHARED = {"cluster-autoscaler"}
TASKS = (
    Set("small", task="rotate-secrets"),
    Set("small", task="finish-rotation"),
    Set("small", task="restore"),
    Set("small", added=("backup-s3",), task="restore"),
    Set("ha", added=("mysql-percona",), task="restore"),
)
SETS = (
    *(Set(overlay) for overlay in OVERLAYS),
    *(Set(overlay, (component,)) for component, overlays in ALONE.items() for overlay in overlays),
    *DOCUMENTED,
    *TASKS,
)
