"""A file or a secret that is not where it belongs."""

from tests.conformance.kubernetes.planting import MAIN, POD, Fault, put
from tests.conformance.kubernetes.rules import configuration as rules

_SECRET = {"name": "x", "secret": {"secretName": "secrets-mysql", "defaultMode": 0o440}}
_IDENTITY = {"name": "x", "secret": {"secretName": "backup-identity", "defaultMode": 0o440}}
_JOB = f"/spec/jobTemplate{POD}"
_ENV_FROM = {"configMapRef": {"name": "service-environment-0123456789"}}

FAULTS = (
    Fault(
        rules.shared_files_are_in_the_cluster,
        [put("ConfigMap/queue-redis", "/data/queue-redis.conf", "appendonly no\n")],
        "stores/queue-redis.conf is in no ConfigMap",
    ),
    Fault(
        rules.files_are_mounted_by_their_reader_alone,
        [
            put("Deployment/frontend", f"{MAIN}/envFrom", [_ENV_FROM]),
            put("Deployment/ingress", f"{MAIN}/envFrom", [_ENV_FROM]),
        ],
        r"ConfigMap/service-environment-0123456789 is read by \['frontend', 'ingress'\]",
    ),
    Fault(
        rules.a_secret_has_one_reader,
        [
            put("Deployment/frontend", f"{POD}/volumes/-", _SECRET),
            put("Deployment/frontend", f"{MAIN}/volumeMounts/-", {"name": "x", "mountPath": "/x"}),
        ],
        "Deployment/frontend/frontend reads secrets-mysql",
    ),
    Fault(
        rules.a_secret_has_one_reader,
        [
            put("CronJob/archive-logs", f"{_JOB}/volumes/-", _IDENTITY),
            put(
                "CronJob/archive-logs",
                f"{_JOB}/containers/0/volumeMounts/-",
                {"name": "x", "mountPath": "/x"},
            ),
        ],
        "CronJob/archive-logs/archive-logs reads backup-identity",
    ),
    Fault(
        rules.secrets_are_mounted_closed,
        [
            put(
                "Deployment/frontend",
                f"{POD}/volumes/-",
                {"name": "x", "secret": {"secretName": "y"}},
            )
        ],
        "Deployment/frontend: anybody may read y",
    ),
    Fault(
        rules.secrets_are_mounted_closed,
        [
            put("Deployment/frontend", f"{POD}/volumes/-", _SECRET),
            put("Deployment/frontend", f"{MAIN}/volumeMounts/-", {"name": "x", "mountPath": "/x"}),
        ],
        "Deployment/frontend/frontend could write to its secrets",
    ),
    Fault(
        rules.files_stay_current,
        [
            put(
                "Deployment/ingress",
                f"{MAIN}/volumeMounts/-",
                {"name": "configuration", "mountPath": "/x", "subPath": "nginx.conf"},
            )
        ],
        "Deployment/ingress mounts a part of configuration",
    ),
)
