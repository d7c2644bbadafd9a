"""A start, a stop or a replacement that would cost requests."""

from tests.conformance.kubernetes.planting import MAIN, POD, Fault, add, drop, put
from tests.conformance.kubernetes.rules import lifecycle as rules

_CLAIM = {"name": "x", "persistentVolumeClaim": {"claimName": "x"}}

FAULTS = (
    Fault(
        rules.probes_have_different_meanings,
        [drop("Deployment/frontend", f"{MAIN}/startupProbe")],
        "Deployment/frontend has no startupProbe",
    ),
    Fault(
        rules.probes_have_different_meanings,
        [put("Deployment/frontend", f"{MAIN}/startupProbe/failureThreshold", 1)],
        "Deployment/frontend is given no more time to start",
    ),
    Fault(
        rules.probes_have_different_meanings,
        [put("Deployment/frontend", f"{MAIN}/livenessProbe", {"periodSeconds": 1})],
        "Deployment/frontend is restarted before it is left out",
    ),
    Fault(
        rules.services_are_asked_for_readiness_and_life,
        [put("Deployment/consumer", f"{MAIN}/livenessProbe/httpGet/path", "/readyz")],
        "Deployment/consumer is asked",
    ),
    Fault(
        rules.a_pod_has_time_to_stop,
        [put("Deployment/frontend", f"{POD}/terminationGracePeriodSeconds", 30)],
        "Deployment/frontend has 30 s to stop",
    ),
    Fault(
        rules.a_pod_has_time_to_stop,
        [drop("StatefulSet/mysql", f"{POD}/terminationGracePeriodSeconds")],
        "StatefulSet/mysql has 30 s to stop",
    ),
    Fault(
        rules.nobody_sends_to_a_pod_that_stops,
        [drop("Deployment/ingress", f"{MAIN}/lifecycle/preStop")],
        "Deployment/ingress is told to stop while",
    ),
    Fault(
        rules.nobody_sends_to_a_pod_that_stops,
        [put("ConfigMap/service-environment", "/data/DRAIN_SECONDS", "0")],
        "Deployment/frontend does not drain",
    ),
    Fault(
        rules.a_replacement_is_there_before_its_predecessor_goes,
        [put("Deployment/api-gw", "/spec/strategy/rollingUpdate/maxUnavailable", 1)],
        "Deployment/api-gw is short of pods",
    ),
    Fault(
        rules.a_replacement_is_there_before_its_predecessor_goes,
        [put("Deployment/api-gw", "/spec/strategy/rollingUpdate/maxSurge", 0)],
        "Deployment/api-gw cannot be replaced",
    ),
    Fault(
        rules.a_replacement_is_there_before_its_predecessor_goes,
        [drop("Deployment/api-gw", "/spec/minReadySeconds")],
        "Deployment/api-gw counts a pod",
    ),
    Fault(
        rules.a_claim_for_one_pod_is_never_wanted_by_two,
        [
            put("Deployment/api-gw", f"{POD}/volumes/-", _CLAIM),
            add("PersistentVolumeClaim", "x", spec={"accessModes": ["ReadWriteOnce"]}),
        ],
        "Deployment/api-gw: the next pod waits",
    ),
    Fault(
        rules.claims_outlive_their_workload,
        [drop("StatefulSet/mysql", "/spec/persistentVolumeClaimRetentionPolicy")],
        "StatefulSet/mysql does not say that its claims stay",
    ),
    Fault(
        rules.claims_outlive_their_workload,
        [put("StatefulSet/mysql", "/spec/volumeClaimTemplates/0/spec/storageClassName", "fast")],
        "StatefulSet/mysql names a storage class",
    ),
    Fault(
        rules.jobs_end_and_are_named_by_the_release,
        [put("Job/migrate-*", f"{MAIN}/image", "arloji/service:2")],
        "Job/migrate-.* is not named by the release 2",
    ),
    Fault(
        rules.cron_jobs_do_not_overlap,
        [add("CronJob", "x", spec={"schedule": "* * * * *", "timeZone": "Etc/UTC"})],
        "CronJob/x may overlap",
    ),
)
