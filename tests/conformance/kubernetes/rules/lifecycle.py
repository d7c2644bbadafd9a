"""Start, stop and replacement of pods."""

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from contracts.services import SERVICE_NAMES
from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import Pod, within
from tests.conformance.test_compose import CONTAINERS

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
# Nobody asks the one, and nothing waits for the other.
NOT_ASKED = {"cluster-autoscaler", "headroom"}
# Without them a replaced pod would be a failed request.
ON_THE_REQUEST_PATH = {"ingress", *SERVICE_NAMES}
# Jobs that an operator starts anew each time (k8s/tasks).
_ON_DEMAND = {"rotate-secrets", "finish-rotation"}
# What telemetry takes to be sent at the end, and some air.
FLUSH_SECONDS = 5
_SIZES: Mapping[str, int] = {"m": 60, "s": 1}


def probes_have_different_meanings(shop: Manifests) -> Iterator[str]:
    for pod in shop.servers:
        found = [pod.main.described.get(kind) for kind in PROBES]
        for kind, probe in zip(PROBES, found, strict=True):
            if probe is None and pod.name not in NOT_ASKED:
                yield f"{pod.reference} has no {kind}"
        if None not in found:
            startup, readiness, liveness = found
            if pod.name in SERVICE_NAMES and _patience(startup) <= _patience(liveness):
                yield f"{pod.reference} is given no more time to start than to answer"
            if _patience(readiness) >= _patience(liveness):
                yield f"{pod.reference} is restarted before it is left out"


def _patience(probe: Any) -> int:
    """Seconds until it has failed, with the defaults of Kubernetes."""
    period = probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
    return int(probe.get("initialDelaySeconds", 0) + period)


def services_are_asked_for_readiness_and_life(shop: Manifests) -> Iterator[str]:
    wanted = ("/healthz", "/readyz", "/healthz")
    for pod in _services(shop):
        asked = tuple(within(pod.main.described, kind, "httpGet", "path") for kind in PROBES)
        if asked != wanted:
            yield f"{pod.reference} is asked {asked}"


def a_pod_has_time_to_stop(shop: Manifests) -> Iterator[str]:
    """Services: until nobody sends any more, then what is in flight, then telemetry. Others: what
    compose gives them, behind whatever delays their signal."""
    for pod in shop.servers:
        grace = pod.spec.get("terminationGracePeriodSeconds", 30)
        delay = within(pod.main.described, "lifecycle", "preStop", "sleep", "seconds", default=0)
        needed = delay + _needed(shop, pod)
        if grace < needed:
            yield f"{pod.reference} has {grace} s to stop and needs {needed}"


def _needed(shop: Manifests, pod: Pod) -> float:
    if pod.name not in SERVICE_NAMES:
        said = CONTAINERS.get(pod.name, {}).get("stop_grace_period", "0s")
        return int(said[:-1]) * _SIZES[said[-1]]
    fields = importlib.import_module(
        f"services.{pod.name.replace('-', '_')}.settings"
    ).Settings.model_fields
    return _drain_seconds(shop, pod) + fields["shutdown_seconds"].default + FLUSH_SECONDS


def _drain_seconds(shop: Manifests, pod: Pod) -> float:
    return float(shop.environment(pod, pod.main).get("DRAIN_SECONDS", 0))


def nobody_sends_to_a_pod_that_stops(shop: Manifests) -> Iterator[str]:
    """Its removal from the Service and its signal start at the same time: the signal waits."""
    for pod in shop.servers:
        if pod.name not in ON_THE_REQUEST_PATH:
            continue
        delay = within(pod.main.described, "lifecycle", "preStop", "sleep", "seconds", default=0)
        if delay < 5:
            yield f"{pod.reference} is told to stop while it is still sent to"
        if pod.name in SERVICE_NAMES and _drain_seconds(shop, pod) < 5:
            yield f"{pod.reference} does not drain"


def a_replacement_is_there_before_its_predecessor_goes(shop: Manifests) -> Iterator[str]:
    for pod in shop.servers:
        if pod.kind != "Deployment" or pod.name not in ON_THE_REQUEST_PATH:
            continue
        strategy = within(pod.owner, "spec", "strategy", default={})
        rolling = strategy.get("rollingUpdate", {})
        if strategy.get("type") != "RollingUpdate" or rolling.get("maxUnavailable") != 0:
            yield f"{pod.reference} is short of pods while it is replaced"
        if not rolling.get("maxSurge"):
            yield f"{pod.reference} cannot be replaced: no pod may be missing and none added"
        if pod.owner["spec"].get("minReadySeconds", 0) < 5:
            yield f"{pod.reference} counts a pod that has just become ready"


def a_claim_for_one_pod_is_never_wanted_by_two(shop: Manifests) -> Iterator[str]:
    for pod in shop.servers:
        names = [within(one, "persistentVolumeClaim", "claimName") for one in pod.volumes.values()]
        claims = [shop.find("PersistentVolumeClaim", name, pod.namespace) for name in names if name]
        alone = any("ReadWriteMany" not in within(one, "spec", "accessModes") for one in claims)
        strategy = within(pod.owner, "spec", "strategy", "type")
        if pod.kind == "Deployment" and alone and strategy != "Recreate":
            yield f"{pod.reference}: the next pod waits for the claim that the last one holds"


def claims_outlive_their_workload(shop: Manifests) -> Iterator[str]:
    for pod in shop.servers:
        if not pod.owner["spec"].get("volumeClaimTemplates"):
            continue
        policy = pod.owner["spec"].get("persistentVolumeClaimRetentionPolicy", {})
        if policy != {"whenDeleted": "Retain", "whenScaled": "Retain"}:
            yield f"{pod.reference} does not say that its claims stay"
        for claim in pod.owner["spec"]["volumeClaimTemplates"]:
            if not within(claim, "spec", "resources", "requests", "storage"):
                yield f"{pod.reference}: claim {claim['metadata']['name']} has no size"
            if "storageClassName" in claim["spec"]:
                yield f"{pod.reference} names a storage class, which another cluster lacks"


def jobs_end_and_are_named_by_the_release(shop: Manifests) -> Iterator[str]:
    """A Job cannot be changed: with another image it needs another name."""
    for pod in shop.pods:
        if pod.kind != "Job":
            continue
        if pod.spec.get("restartPolicy") not in ("Never", "OnFailure"):
            yield f"{pod.reference} never ends"
        tag = pod.main.described["image"].rpartition(":")[2]
        name = pod.owner["metadata"]["name"]
        once = {"migrate", "bootstrap-secrets"}
        if pod.name in once and name not in {f"{pod.name}-{tag}", *_ON_DEMAND}:
            yield f"{pod.reference} is not named by the release {tag}"
        if (
            "activeDeadlineSeconds" not in pod.owner["spec"]
            and "backoffLimit" not in (pod.owner["spec"])
        ):
            yield f"{pod.reference} has no bound"


def cron_jobs_do_not_overlap(shop: Manifests) -> Iterator[str]:
    for one in shop.of("CronJob"):
        spec = one["spec"]
        if spec.get("concurrencyPolicy") != "Forbid" or spec.get("timeZone") is None:
            yield f"CronJob/{one['metadata']['name']} may overlap, or fires at an unknown hour"
        if not re.fullmatch(r"(\S+ ){4}\S+", spec["schedule"]):
            yield f"CronJob/{one['metadata']['name']} has no schedule"


def _services(shop: Manifests) -> list[Pod]:
    return [pod for pod in shop.servers if pod.name in SERVICE_NAMES]
