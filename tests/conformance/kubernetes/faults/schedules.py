"""Scheduled work that never ends, is repeated in vain, or loses what it makes."""

from tests.conformance.kubernetes.planting import Fault, drop, put
from tests.conformance.kubernetes.rules import schedules as rules

_BACKUP, _JOB = "CronJob/backup", "/spec/jobTemplate/spec"
_POD = f"{_JOB}/template/spec"
_NEAR = f"{_POD}/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/0"

FAULTS = (
    *(
        Fault(rules.scheduled_jobs_are_bounded, [drop(_BACKUP, pointer)], f"{_BACKUP} {says}")
        for pointer, says in {
            "/spec/startingDeadlineSeconds": "has no startingDeadlineSeconds",
            f"{_JOB}/activeDeadlineSeconds": "makes Jobs without activeDeadlineSeconds",
            f"{_JOB}/ttlSecondsAfterFinished": "makes Jobs without ttlSecondsAfterFinished",
            f"{_JOB}/backoffLimit": "is tried again and again",
        }.items()
    ),
    Fault(
        rules.scheduled_jobs_are_bounded,
        [put(_BACKUP, "/spec/failedJobsHistoryLimit", 0)],
        "CronJob/backup leaves no trace",
    ),
    Fault(
        rules.times_are_those_of_compose,
        [put(_BACKUP, "/spec/schedule", "0 3 * * *")],
        "CronJob/backup runs at 0 3",
    ),
    Fault(
        rules.times_are_those_of_compose,
        [put(_BACKUP, "/metadata/name", "verify")],
        "CronJob/verify is not run by the clock in compose",
    ),
    *(
        Fault(rules.commands_of_housekeeping_exist, changes, says)
        for changes, says in (
            (
                [put("CronJob/drill", f"{_POD}/containers/0/args", ["verify"])],
                "CronJob/drill/drill runs",
            ),
            (
                [put("CronJob/drill", f"{_POD}/containers/0/command", ["sh"])],
                "CronJob/drill/drill runs",
            ),
        )
    ),
    Fault(
        rules.findings_and_drains_are_no_failed_tries,
        [drop(_BACKUP, f"{_JOB}/podFailurePolicy/rules/0")],
        "CronJob/backup counts a drained node",
    ),
    Fault(
        rules.findings_and_drains_are_no_failed_tries,
        [put(_BACKUP, f"{_JOB}/podFailurePolicy/rules/1/onExitCodes/values", [2])],
        "CronJob/backup repeats what has found something",
    ),
    Fault(
        rules.pods_that_share_a_claim_of_one_node_are_on_it,
        [drop("CronJob/drill", f"{_POD}/affinity")],
        r"CronJob/drill shares backups and may be .* than \['archive-logs', 'backup', 'drill'\]",
    ),
    # Nobody runs who would draw it.
    Fault(
        rules.pods_that_share_a_claim_of_one_node_are_on_it,
        [
            put(
                "CronJob/drill",
                f"{_NEAR}/labelSelector/matchExpressions/0/values",
                ["backup", "archive-logs"],
            )
        ],
        r"CronJob/drill shares backups and may be on another node than \['drill'\]",
    ),
    Fault(
        rules.pods_that_share_a_claim_of_one_node_are_on_it,
        [put("CronJob/drill", f"{_NEAR}/topologyKey", "topology.kubernetes.io/zone")],
        "CronJob/drill shares backups",
    ),
    Fault(
        rules.claims_of_the_manifests_outlive_them,
        [
            put(
                "PersistentVolumeClaim/backups",
                "/metadata/labels/app.kubernetes.io~1component",
                "store",
            )
        ],
        "PersistentVolumeClaim/backups is removed with the manifests",
    ),
    Fault(
        rules.claims_of_the_manifests_outlive_them,
        [
            put(
                "ValidatingAdmissionPolicy/arloji-keep-claims",
                "/spec/matchConstraints/resourceRules/1/resourceNames",
                ["archive"],
            )
        ],
        "PersistentVolumeClaim/backups may be deleted",
    ),
    Fault(
        rules.claims_of_the_manifests_outlive_them,
        [put("PersistentVolumeClaim/backups", "/spec/storageClassName", "fast")],
        "PersistentVolumeClaim/backups names a storage class",
    ),
)
