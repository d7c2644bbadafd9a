"""What only a cluster has: pods, autoscalers, budgets, claims, and several nodes."""

from tools.dashboards.overview.queries import RATE
from tools.dashboards.panels import Json, Panel, Query, Row, dashboard

PODS = Row(
    "Pods",
    [
        Panel(
            "Not ready",
            "Pods that should serve and do not. More than one for longer than a rollout takes: "
            "`kubectl --namespace arloji get pods`, then `describe` the one that waits.",
            [
                Query(
                    'sum((max by (namespace, pod) (kube_pod_status_ready{condition="false"}) > 0) '
                    "and on (namespace, pod) max by (namespace, pod) "
                    '(kube_pod_status_phase{phase=~"Pending|Running|Unknown"}) > 0) or vector(0)',
                    "pods",
                )
            ],
            kind="stat",
            warn=1,
            bad=3,
            width=4,
        ),
        Panel(
            "Pods by phase",
            "Pending for long: no node has room, or a claim or secret is missing. Failed: a job, "
            "or a pod that was evicted; its events say why.",
            [Query("sum by (phase) (kube_pod_status_phase)", "{{phase}}")],
            stacked=True,
            width=10,
        ),
        Panel(
            "Restarts",
            "Containers that were started again, per pod in five minutes. Any, apart from an "
            "upgrade: `kubectl logs --previous`, and the alert PodCrashLoops.",
            [
                Query(
                    "sum by (pod) (increase(kube_pod_container_status_restarts_total[5m])) > 0 "
                    "or vector(0)",
                    "{{pod}}",
                )
            ],
            width=10,
            warn=1,
        ),
        Panel(
            "Killed for memory",
            "Containers whose last end was for lack of memory, until the pod is replaced. Raise "
            "the limit in the manifest, or look for a leak in the panel beside this one.",
            [
                Query(
                    "sum by (container) (kube_pod_container_status_last_terminated_reason"
                    '{reason="OOMKilled"}) or vector(0)',
                    "{{container}}",
                )
            ],
            width=8,
            warn=1,
        ),
        Panel(
            "Memory of its limit",
            "Working set of each pod's containers. Above 80 % the alert ContainerMemoryShort "
            "fires; at 100 % the kernel kills.",
            [
                Query(
                    "container_memory_working_set_bytes / (container_spec_memory_limit_bytes > 0)",
                    "{{name}} {{service}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.8,
            bad=0.9,
            width=8,
        ),
        Panel(
            "CPU",
            "Cores in use by each pod. What an autoscaler compares with the request: far above "
            "it for long and no more pods come, look at the row below.",
            [Query(f"sum by (name) (rate(container_cpu_usage_seconds_total{RATE}))", "{{name}}")],
            width=8,
        ),
    ],
)


def _autoscaler(title: str, description: str, metric: str) -> Panel:
    name = f"kube_horizontalpodautoscaler_{metric}"
    query = Query(
        f"max by (horizontalpodautoscaler) ({name})",
        "{{horizontalpodautoscaler}}",
    )
    return Panel(title, description, [query], width=6)


SCALING = Row(
    "Autoscalers and budgets",
    [
        _autoscaler(
            "Autoscalers: wanted replicas",
            "What each one has computed from use and requests. It follows the load within a "
            "minute upwards and slowly downwards; a saw means that its steps are too large.",
            "status_desired_replicas",
        ),
        _autoscaler(
            "Autoscalers: current replicas",
            "Fewer than wanted for longer than a start takes: pods wait for a node, or a quota "
            "refuses them (`kubectl get events`).",
            "status_current_replicas",
        ),
        Panel(
            "Autoscalers: bounds",
            "The least and the most that each may have. Wanted at the most for a quarter of an "
            "hour is the alert AutoscalerAtMaximum.",
            [
                Query(
                    "max by (horizontalpodautoscaler) "
                    f"(kube_horizontalpodautoscaler_spec_{bound}_replicas)",
                    f"{{{{horizontalpodautoscaler}}}} {bound}",
                )
                for bound in ("min", "max")
            ],
            width=6,
        ),
        Panel(
            "Budgets: pods that may go",
            "How many pods of each workload may be moved now. At 0 a node that runs one cannot be "
            "drained: something is not ready already.",
            [
                Query(
                    "min by (poddisruptionbudget) "
                    "(kube_poddisruptionbudget_status_pod_disruptions_allowed)",
                    "{{poddisruptionbudget}}",
                )
            ],
            width=6,
        ),
    ],
)

NODES = Row(
    "Nodes and claims",
    [
        Panel(
            "Nodes: CPU",
            "Share in use of each node. All of them above 80 % for long: the cluster autoscaler "
            "should add one, or the requests are too small for what runs.",
            [
                Query(
                    f'1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle"}}{RATE}))',
                    "{{instance}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.9,
            width=6,
        ),
        Panel(
            "Nodes: memory",
            "Share in use of each node. Above 95 % the kubelet evicts pods, those of the lowest "
            "priority first: telemetry, then services, then stores.",
            [
                Query(
                    "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
                    "{{instance}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.9,
            width=6,
        ),
        Panel(
            "Nodes: disk",
            "Share in use of each file system. From 85 % on the kubelet deletes images that "
            "nobody uses; above 90 % it evicts pods.",
            [
                Query(
                    "max by (instance, mountpoint) "
                    "(1 - node_filesystem_avail_bytes / node_filesystem_size_bytes)",
                    "{{instance}} {{mountpoint}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.85,
            bad=0.9,
            width=6,
        ),
        Panel(
            "Claims",
            "How full each is. Above 85 % raise its request, where the storage class can grow it. "
            "Empty where the driver does not measure: folders of a node.",
            [
                Query(
                    "max by (persistentvolumeclaim) (kubelet_volume_stats_used_bytes "
                    "/ (kubelet_volume_stats_capacity_bytes > 0))",
                    "{{persistentvolumeclaim}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.85,
            bad=0.95,
            width=6,
        ),
    ],
)


def kubernetes() -> Json:
    return dashboard(
        "arloji-kubernetes",
        "Kubernetes",
        "Pods, autoscalers, budgets, nodes and claims. Empty where the shop runs in Docker.",
        [PODS, SCALING, NODES],
        since="now-1h",
    )
