"""An object that is wrong by itself."""

from tests.conformance.kubernetes.planting import MAIN, Fault, add, drop, put, repeat
from tests.conformance.kubernetes.rules import objects as rules

_PART_OF = "app.kubernetes.io~1part-of"

FAULTS = (
    Fault(
        rules.objects_are_in_a_namespace_of_the_shop,
        [drop("Service/frontend", "/metadata/namespace")],
        "Service/frontend is in the namespace None",
    ),
    Fault(
        rules.objects_are_in_a_namespace_of_the_shop,
        [put("PriorityClass/arloji-critical", "/metadata/namespace", "arloji")],
        "PriorityClass/arloji-critical says a namespace and has none",
    ),
    Fault(
        rules.objects_are_unique,
        [repeat("Service/frontend", "frontend")],
        "Service/frontend is there 2 times",
    ),
    Fault(
        rules.objects_fit_into_a_request,
        [add("ConfigMap", "large", data={"x": "x" * 205_000})],
        "ConfigMap/large has 200 KiB",
    ),
    Fault(
        rules.objects_bear_the_recommended_labels,
        [drop("Service/frontend", f"/metadata/labels/{_PART_OF}")],
        "Service/frontend is not labelled",
    ),
    Fault(
        rules.objects_bear_the_recommended_labels,
        [drop("Deployment/frontend", "/spec/template/metadata/labels/app.kubernetes.io~1version")],
        "a pod of Deployment/frontend has no label app.kubernetes.io/version",
    ),
    Fault(rules.no_secret_is_rendered, [add("Secret", "x")], "Secret/x would be"),
    Fault(
        rules.no_secret_is_rendered,
        [put("Deployment/frontend", f"{MAIN}/env/0/value", "redis://a:b@queue-redis:6379/0")],
        "Deployment/frontend holds a secret",
    ),
    Fault(
        rules.nothing_is_left_of_patches,
        [put("Deployment/frontend", f"{MAIN}/$patch", "delete")],
        r"a leftover \$patch",
    ),
    Fault(
        rules.nothing_is_left_of_patches,
        [put("Deployment/frontend", f"{MAIN}/env/0/value", "REPLACED")],
        "a leftover 'REPLACED'",
    ),
    Fault(
        rules.nothing_is_null,
        [put("Deployment/frontend", "/spec/replicas", None)],
        "Deployment/frontend has nothing at spec/replicas",
    ),
    Fault(
        rules.configuration_rolls_whoever_reads_it,
        [add("ConfigMap", "extra", data={})],
        "ConfigMap/extra would be changed beneath its readers",
    ),
    Fault(
        rules.configuration_rolls_whoever_reads_it,
        [add("ConfigMap", "extra-0123456789", data={})],
        "ConfigMap/extra-0123456789 is read by nobody",
    ),
)
