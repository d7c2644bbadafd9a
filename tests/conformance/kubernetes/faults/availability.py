"""A replica, a budget or a scaler that would not be there when a node goes."""

from tests.conformance.kubernetes.planting import POD, Fault, add, drop, put, repeat
from tests.conformance.kubernetes.rules import availability as rules

_HPA = "HorizontalPodAutoscaler/frontend"
_ZONE = f"{POD}/topologySpreadConstraints/0"
_VPA = {
    "targetRef": {"kind": "Deployment", "name": "front"},
    "updatePolicy": {"updateMode": "Auto"},
}

FAULTS = (
    Fault(
        rules.stateless_services_have_two_replicas,
        [put(_HPA, "/spec/minReplicas", 1)],
        "Deployment/frontend has fewer than two replicas",
    ),
    Fault(
        rules.each_workload_has_one_scaler_at_most,
        [repeat(_HPA, "more")],
        "frontend is scaled by 2",
    ),
    Fault(
        rules.scalers_scale_a_workload_that_exists,
        [put(_HPA, "/spec/scaleTargetRef/name", "front")],
        f"{_HPA} scales nothing",
    ),
    Fault(
        rules.scalers_scale_a_workload_that_exists,
        [add("VerticalPodAutoscaler", "x", spec=_VPA)],
        "VerticalPodAutoscaler/x looks at nothing",
    ),
    Fault(
        rules.scalers_scale_a_workload_that_exists,
        [add("VerticalPodAutoscaler", "x", spec=_VPA)],
        "VerticalPodAutoscaler/x changes pods",
    ),
    Fault(
        rules.scalers_measure_a_container_that_exists_and_asks_for_it,
        [put(_HPA, "/spec/metrics/0/containerResource/container", "front")],
        f"{_HPA} measures cpu of front",
    ),
    Fault(
        rules.scalers_measure_a_container_that_exists_and_asks_for_it,
        [put(_HPA, "/spec/metrics/0/type", "Resource")],
        f"{_HPA} measures whole pods",
    ),
    Fault(rules.stateless_services_are_scaled, [drop(_HPA)], "Deployment/frontend is not scaled"),
    Fault(
        rules.stateless_services_are_scaled,
        [put(_HPA, "/spec/maxReplicas", 2)],
        f"{_HPA} leaves no room",
    ),
    Fault(
        rules.replicas_are_left_to_the_scaler,
        [put("Deployment/frontend", "/spec/replicas", 2)],
        "Deployment/frontend says replicas",
    ),
    Fault(
        rules.budgets_never_block_a_drain,
        [put("PodDisruptionBudget/mysql", "/spec/maxUnavailable", 0)],
        "PodDisruptionBudget/mysql is not one pod at a time",
    ),
    Fault(
        rules.budgets_never_block_a_drain,
        [drop("PodDisruptionBudget/mysql", "/spec/unhealthyPodEvictionPolicy")],
        "PodDisruptionBudget/mysql keeps a broken pod",
    ),
    Fault(
        rules.every_server_has_one_budget,
        [drop("PodDisruptionBudget/mysql")],
        r"StatefulSet/mysql has the budgets \[\]",
    ),
    Fault(
        rules.every_server_has_one_budget,
        [repeat("PodDisruptionBudget/mysql", "more")],
        "StatefulSet/mysql has the budgets .*more",
    ),
    Fault(
        rules.pods_spread_over_zones_and_hosts,
        [drop("Deployment/frontend", _ZONE)],
        "Deployment/frontend is not spread over both",
    ),
    Fault(
        rules.pods_spread_over_zones_and_hosts,
        [put("Deployment/frontend", f"{_ZONE}/matchLabelKeys", ["pod-template-hash"])],
        "Deployment/frontend is spread together with other workloads",
    ),
    Fault(
        rules.pods_spread_over_zones_and_hosts,
        [put("Deployment/frontend", f"{_ZONE}/matchLabelKeys", ["app.kubernetes.io/name"])],
        "Deployment/frontend counts pods of the release before",
    ),
    Fault(
        rules.pods_spread_over_zones_and_hosts,
        [put("Deployment/frontend", f"{_ZONE}/labelSelector/matchLabels", {"a": "b"})],
        "Deployment/frontend is not counted itself: it has no label a=b",
    ),
    Fault(
        rules.pods_spread_over_zones_and_hosts,
        [
            put(
                "Deployment/frontend",
                f"{_ZONE}/labelSelector/matchLabels",
                {"app.kubernetes.io/name": "frontend"},
            )
        ],
        "Deployment/frontend has a label both ways",
    ),
    Fault(
        rules.pods_spread_over_zones_and_hosts,
        [put("Deployment/frontend", f"{_ZONE}/maxSkew", 2)],
        "Deployment/frontend may be uneven",
    ),
    Fault(
        rules.pods_spread_over_zones_and_hosts,
        [put("Deployment/frontend", f"{_ZONE}/whenUnsatisfiable", "DoNotSchedule")],
        "Deployment/frontend cannot be moved while a zone is drained",
    ),
    Fault(
        rules.pods_spread_over_zones_and_hosts,
        [put("Deployment/frontend", f"{_ZONE}/minDomains", 3)],
        "Deployment/frontend has minDomains",
    ),
    Fault(
        rules.strict_spread_is_for_many_zones,
        [put("Deployment/frontend", f"{_ZONE}/whenUnsatisfiable", "DoNotSchedule")],
        r"only \['frontend'\] must be in each zone",
    ),
    Fault(
        rules.each_zone_has_a_replica,
        [],
        "Deployment/frontend has too few replicas for three zones",
        frozenset({"zones"}),
    ),
    Fault(
        rules.traffic_stays_in_its_zone,
        [drop("Service/publisher", "/spec/trafficDistribution")],
        "Service/publisher sends to any zone",
    ),
)
