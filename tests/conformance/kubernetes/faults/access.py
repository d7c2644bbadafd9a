"""A token or a right that nobody needs."""

from tests.conformance.kubernetes.planting import POD, Fault, add, drop, put
from tests.conformance.kubernetes.rules import access as rules

FAULTS = (
    Fault(
        rules.accounts_are_their_own_and_have_no_token,
        [drop("Deployment/frontend", f"{POD}/automountServiceAccountToken")],
        "Deployment/frontend has a token",
    ),
    Fault(
        rules.accounts_are_their_own_and_have_no_token,
        [put("Deployment/frontend", f"{POD}/serviceAccountName", "publisher")],
        r"ServiceAccount/publisher is shared by \['frontend', 'publisher'\]",
    ),
    Fault(
        rules.roles_are_for_those_who_ask_the_api,
        [add("RoleBinding", "x", subjects=[{"kind": "ServiceAccount", "name": "frontend"}])],
        "RoleBinding/x gives rights to frontend",
    ),
    Fault(
        rules.roles_are_for_those_who_ask_the_api,
        [add("Role", "x", rules=[{"verbs": ["get"], "resources": ["*"]}])],
        "Role/x gives everything of something",
    ),
    Fault(
        rules.roles_are_for_those_who_ask_the_api,
        [add("Role", "x", rules=[{"verbs": ["delete"], "resources": ["pods"]}])],
        r"Role/x lets \['delete'\]",
    ),
)
