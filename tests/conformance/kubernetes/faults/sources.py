"""A ConfigMap or a Secret that lacks what is read of it."""

from tests.conformance.kubernetes.planting import MAIN, Fault, drop, put
from tests.conformance.kubernetes.rules import sources as rules

FAULTS = (
    Fault(
        rules.configuration_exists_with_its_keys,
        [put("Deployment/frontend", f"{MAIN}/envFrom", [{"configMapRef": {"name": "more"}}])],
        "names ConfigMap more, which nobody makes",
    ),
    Fault(
        rules.configuration_exists_with_its_keys,
        [
            put(
                "Deployment/frontend",
                f"{MAIN}/env/-",
                {
                    "name": "A",
                    "valueFrom": {"secretKeyRef": {"name": "secrets-frontend", "key": "url"}},
                },
            )
        ],
        r"takes \['url'\] of Secret secrets-frontend",
    ),
    Fault(
        rules.files_of_secrets_are_there,
        [
            put(
                "Deployment/frontend",
                f"{MAIN}/env/-",
                {"name": "DATABASE_URL_FILE", "value": "/run/secrets/database_url"},
            )
        ],
        "reads /run/secrets/database_url, which is not mounted",
    ),
    # Of a Secret that is there, a key that is left out.
    Fault(
        rules.files_of_secrets_are_there,
        [drop("CronJob/backup", "/spec/jobTemplate/spec/template/spec/volumes/2/secret/items/0")],
        "reads /run/secrets/backup_database_url, which is not mounted",
    ),
)
