"""Whether pods run; what they use is in the dashboard Nodes and containers."""

from observability.dashboards.panels import Panel, Query, Row

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
            stacking="normal",
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
            "the limit in the manifest, or look for a leak: dashboard Nodes and containers.",
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
    ],
)
