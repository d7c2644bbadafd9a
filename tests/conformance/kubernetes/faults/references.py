"""Something names what is not there."""

from tests.conformance.kubernetes.planting import MAIN, POD, Fault, add, drop, put
from tests.conformance.kubernetes.rules import references as rules

_NAME = "app.kubernetes.io~1name"
_BINDING = {
    "roleRef": {"kind": "Role", "name": "nothing"},
    "subjects": [{"kind": "ServiceAccount", "name": "nobody"}],
}

FAULTS = (
    Fault(
        rules.services_select_pods,
        [put("Service/frontend", f"/spec/selector/{_NAME}", "front")],
        "Service/frontend selects no pod",
    ),
    Fault(
        rules.services_lead_to_ports_of_their_pods,
        [put("Service/api-gw", "/spec/ports/0/targetPort", "web")],
        "Service/api-gw leads to port web",
    ),
    Fault(
        rules.probes_ask_ports_of_their_container,
        [put("Deployment/publisher", f"{MAIN}/readinessProbe/httpGet/port", 8099)],
        "readinessProbe asks port 8099",
    ),
    Fault(
        rules.selectors_match_something,
        [
            put(
                "PodDisruptionBudget/frontend",
                f"/spec/selector/matchLabels/{_NAME}",
                "front",
            )
        ],
        "PodDisruptionBudget/frontend is for no pod",
    ),
    Fault(
        rules.selectors_match_something,
        [add("NetworkPolicy", "x", spec={"podSelector": {"matchLabels": {"a": "b"}}})],
        "NetworkPolicy/x is for no pod",
    ),
    Fault(
        rules.workloads_select_their_own_pods,
        [put("Deployment/consumer", "/spec/selector/matchLabels/app.kubernetes.io~1version", "1")],
        "Deployment/consumer is selected by a label that an upgrade may change",
    ),
    Fault(
        rules.accounts_classes_and_claims_exist,
        [drop("ServiceAccount/publisher")],
        "runs as the account publisher, which is not there",
    ),
    Fault(
        rules.accounts_classes_and_claims_exist,
        [put("Deployment/publisher", f"{POD}/priorityClassName", "high")],
        "Deployment/publisher has no priority class that exists",
    ),
    Fault(
        rules.every_mount_has_a_volume_and_every_volume_a_mount,
        [drop("Deployment/frontend", f"{MAIN}/volumeMounts/0")],
        "is a volume without a mount",
    ),
    Fault(
        rules.named_services_exist,
        [put("StatefulSet/mysql", "/spec/serviceName", "database")],
        "names the Service database, which is not there",
    ),
    Fault(
        rules.bindings_name_roles_and_accounts,
        [add("RoleBinding", "x", **_BINDING)],
        "RoleBinding/x gives nothing, which is not there",
    ),
)
