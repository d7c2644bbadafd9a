"""Something else runs than in compose."""

from tests.conformance.kubernetes.planting import MAIN, Fault, drop, put
from tests.conformance.kubernetes.rules import parity as rules

_SIDECAR = {"name": "sidecar", "image": "busybox"}

FAULTS = (
    Fault(
        rules.every_container_of_compose_runs,
        [drop("Deployment/publisher")],
        "publisher is in compose and not here",
    ),
    Fault(
        rules.every_container_is_of_compose_or_explained,
        [put("Deployment/frontend", "/spec/template/spec/containers/-", _SIDECAR)],
        "Deployment/frontend/sidecar is not in compose",
    ),
    Fault(
        rules.images_are_those_of_compose,
        [put("StatefulSet/mysql", f"{MAIN}/image", "mysql:9.7.3")],
        "StatefulSet/mysql/mysql runs mysql:9.7.3, compose mysql:9",
    ),
    Fault(
        rules.images_are_pinned_by_a_full_tag,
        [put("StatefulSet/mysql", f"{MAIN}/image", "mysql:9")],
        "StatefulSet/mysql/mysql runs mysql:9, which is no full tag",
    ),
    Fault(
        rules.images_are_pinned_by_a_full_tag,
        [put("Deployment/frontend", f"{MAIN}/image", "arloji/service:latest")],
        "runs arloji/service:latest, which is no full tag",
    ),
    Fault(
        rules.images_are_pinned_by_a_full_tag,
        [put("Deployment/frontend", f"{MAIN}/imagePullPolicy", "Always")],
        "Deployment/frontend/frontend does not take an image that is there",
    ),
    Fault(
        rules.commands_are_those_of_compose,
        [put("Deployment/consumer", f"{MAIN}/args", ["python", "-m", "services.publisher"])],
        "Deployment/consumer/consumer is started as",
    ),
    Fault(
        rules.commands_are_those_of_compose,
        [put("StatefulSet/queue-redis", f"{MAIN}/command/-", "--appendonly no")],
        r"StatefulSet/queue-redis is started without \[\] and with .*--appendonly no",
    ),
    Fault(
        rules.users_are_those_of_compose,
        [put("StatefulSet/mysql", f"{MAIN}/securityContext/runAsUser", 1000)],
        "StatefulSet/mysql/mysql runs as 1000, in compose as 999",
    ),
    Fault(
        rules.limits_of_memory_are_those_of_compose,
        [put("Deployment/frontend", f"{MAIN}/resources/limits/memory", "1Gi")],
        "Deployment/frontend/frontend may use 1Gi of memory, compose 176Mi",
    ),
    Fault(
        rules.variables_are_those_of_compose,
        [put("Deployment/consumer", f"{MAIN}/env/-", {"name": "MAX_DELIVERIES", "value": "9"})],
        "MAX_DELIVERIES is '9', compose None",
    ),
    Fault(
        rules.variables_are_read,
        [put("Deployment/consumer", f"{MAIN}/env/-", {"name": "MAX_TRIES", "value": "9"})],
        "Deployment/consumer/consumer is told MAX_TRIES",
    ),
    Fault(
        rules.services_listen_where_they_are_asked,
        [put("Deployment/consumer", f"{MAIN}/ports/0/containerPort", 8085)],
        "Deployment/consumer listens on 8084 and declares",
    ),
)
