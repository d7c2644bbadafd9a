"""Who may ask the Kubernetes API, and for what."""

from collections.abc import Iterator, Mapping

from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import reference

# What asks the Kubernetes API; everything else has no token.
ASKS_THE_API: Mapping[str, str] = {
    "bootstrap-secrets": "creates the Secrets of the others",
    "victoria-metrics": "finds what to scrape, kubelets included",
    "kube-state-metrics": "counts objects",
    "cluster-autoscaler": "plays the scheduler",
}
# Roles that do more than read.
MAY_CHANGE = {"bootstrap-secrets", "cluster-autoscaler", "cluster-autoscaler-clusterapi"}
# One program in two parts.
ONE_ACCOUNT = {"load": {"load", "load-worker"}}


def accounts_are_their_own_and_have_no_token(shop: Manifests) -> Iterator[str]:
    users: dict[tuple[str, str], set[str]] = {}
    for pod in shop.pods:
        account = pod.spec.get("serviceAccountName", "default")
        users.setdefault((pod.namespace, account), set()).add(pod.name)
        has = pod.spec.get("automountServiceAccountToken") is not False
        has = has or any("serviceAccountToken" in str(volume) for volume in pod.volumes.values())
        if has and pod.name not in ASKS_THE_API:
            yield f"{pod.reference} has a token of the Kubernetes API"
    for (_, account), names in users.items():
        if len(names) > 1 and names != ONE_ACCOUNT.get(account):
            yield f"ServiceAccount/{account} is shared by {sorted(names)}"
    for one in shop.of("ServiceAccount"):
        if one.get("automountServiceAccountToken") is not False:
            yield f"{reference(one)} hands its token to any pod"
        name = one["metadata"]["name"]
        used = (one["metadata"].get("namespace"), name) in users or _named_by_others(shop, name)
        if not used:
            yield f"{reference(one)} is nobody's"


def roles_are_for_those_who_ask_the_api(shop: Manifests) -> Iterator[str]:
    for one in shop.of("RoleBinding", "ClusterRoleBinding"):
        for subject in one["subjects"]:
            if subject["name"] not in ASKS_THE_API:
                yield f"{reference(one)} gives rights to {subject['name']}"
    for one in shop.of("Role", "ClusterRole"):
        for rule in one["rules"]:
            wide = "*" in [*rule["verbs"], *rule.get("resources", ()), *rule.get("apiGroups", ())]
            if wide:
                yield f"{reference(one)} gives everything of something"
            writes = {*rule["verbs"]} - {"get", "list", "watch"}
            if writes and one["metadata"]["name"] not in MAY_CHANGE:
                yield f"{reference(one)} lets {sorted(writes)}"


def _named_by_others(shop: Manifests, account: str) -> bool:
    """An operator acts as it."""
    return any(
        path[-2:] == ("serviceAccountRef", "name") and value == account
        for _, path, value in shop.walk()
    )
