"""A pod that may do more than it must."""

from tests.conformance.kubernetes.planting import MAIN, POD, Fault, drop, put
from tests.conformance.kubernetes.rules import confinement as rules

_SECURITY = f"{MAIN}/securityContext"

FAULTS = (
    Fault(
        rules.restricted_is_enforced_where_the_shop_runs,
        [
            put(
                "Namespace/arloji",
                "/metadata/labels/pod-security.kubernetes.io~1enforce",
                "baseline",
            )
        ],
        "Namespace/arloji does not enforce restricted",
    ),
    Fault(
        rules.pods_are_in_the_namespace_for_them,
        [put("Deployment/frontend", "/metadata/namespace", "arloji-nodes")],
        "Deployment/frontend is in arloji-nodes instead of arloji",
    ),
    Fault(
        rules.pods_share_nothing_with_their_node,
        [put("Deployment/frontend", f"{POD}/hostPID", True)],
        "Deployment/frontend has hostPID",
    ),
    Fault(
        rules.pods_share_nothing_with_their_node,
        [put("Deployment/frontend", f"{POD}/volumes/-", {"name": "x", "hostPath": {"path": "/"}})],
        "volume x is of a kind that restricted forbids",
    ),
    Fault(
        rules.pods_share_nothing_with_their_node,
        [put("Deployment/frontend", f"{MAIN}/ports/0/hostPort", 8080)],
        "Deployment/frontend takes a port of its node",
    ),
    *(
        Fault(rules.containers_are_restricted, [change], f"Deployment/frontend/frontend {says}")
        for change, says in (
            (put("Deployment/frontend", f"{_SECURITY}/runAsNonRoot", False), "may run as root"),
            (put("Deployment/frontend", f"{_SECURITY}/runAsUser", 0), "does not say as which user"),
            (
                put("Deployment/frontend", f"{_SECURITY}/seccompProfile", {"type": "Unconfined"}),
                "has no seccomp profile",
            ),
            (
                put("Deployment/frontend", f"{_SECURITY}/allowPrivilegeEscalation", True),
                "may gain privileges",
            ),
            (
                put("Deployment/frontend", f"{_SECURITY}/capabilities/add", ["NET_ADMIN"]),
                "has capabilities",
            ),
            (put("Deployment/frontend", f"{_SECURITY}/privileged", True), "is privileged"),
        )
    ),
    Fault(
        rules.root_file_systems_are_read_only,
        [drop("StatefulSet/mysql", f"{_SECURITY}/readOnlyRootFilesystem")],
        "StatefulSet/mysql/mysql can write its own files",
    ),
    Fault(
        rules.node_readers_keep_to_reading,
        [put("DaemonSet/node-exporter", f"{MAIN}/volumeMounts/0/readOnly", False)],
        "DaemonSet/node-exporter may write to its node",
    ),
    Fault(
        rules.node_readers_keep_to_reading,
        [put("DaemonSet/node-exporter", f"{_SECURITY}/privileged", True)],
        "DaemonSet/node-exporter may do more than read",
    ),
    Fault(
        rules.scratch_is_in_memory_and_bounded,
        [put("Deployment/frontend", f"{POD}/volumes/-", {"name": "x", "emptyDir": {}})],
        "x has no size limit",
    ),
    Fault(
        rules.scratch_is_in_memory_and_bounded,
        [
            put(
                "Deployment/frontend",
                f"{POD}/volumes/-",
                {"name": "x", "emptyDir": {"sizeLimit": "1Mi"}},
            )
        ],
        "x is on the node's disk",
    ),
    Fault(
        rules.resources_are_asked_for_and_bounded,
        [drop("Deployment/frontend", f"{MAIN}/resources/requests/cpu")],
        "Deployment/frontend/frontend asks for no cpu",
    ),
    Fault(
        rules.resources_are_asked_for_and_bounded,
        [drop("Deployment/frontend", f"{MAIN}/resources/limits/memory")],
        "Deployment/frontend/frontend has no limit of memory",
    ),
    Fault(
        rules.resources_are_asked_for_and_bounded,
        [put("Deployment/frontend", f"{MAIN}/resources/limits/cpu", "1")],
        "Deployment/frontend/frontend has a limit of CPU",
    ),
    Fault(
        rules.variables_of_other_services_are_not_injected,
        [drop("Deployment/frontend", f"{POD}/enableServiceLinks")],
        "Deployment/frontend is given variables of each Service",
    ),
)
