"""A host or a port that nobody has."""

from tests.conformance.kubernetes.planting import MAIN, Fault, add, put
from tests.conformance.kubernetes.rules import addresses as rules

FAULTS = (
    Fault(
        rules.addresses_name_services,
        [
            put(
                "Deployment/frontend",
                f"{MAIN}/env/-",
                {"name": "A", "value": "http://api-gw:8082"},
            )
        ],
        "names api-gw:8082, which is not a port of that Service",
    ),
    Fault(
        rules.addresses_name_services,
        [add("ConfigMap", "x", data={"a.yaml": "url: http://api-gateway:8081/\n"})],
        "ConfigMap/x names api-gateway:8081, which is not a Service",
    ),
)
