"""metrics-server beside the API server, asked by `kubectl top` and by autoscalers."""

import base64
import json
from pathlib import Path
from typing import Any

from local.free_port import free_port
from tools.cluster.control_plane import (
    ADMINISTRATORS,
    LOOPBACK,
    ControlPlane,
    program,
    serving_arguments,
)

_NAME, _NAMESPACE, _VERSION = "metrics-server", "kube-system", "v1beta1"


def start_metrics_server(control_plane: ControlPlane) -> None:
    """Returns once the API server passes requests on to it. It measures every ten seconds, which
    is the shortest that it allows."""
    port, address = free_port(), control_plane.address
    kubeconfig = control_plane.kubeconfig_of(_NAME, _NAME, (ADMINISTRATORS,))
    name = f"{_NAME}.{_NAMESPACE}.svc"
    serving = control_plane.authority.issue(f"{_NAME}-serving", _NAME, hosts=(name, "localhost"))
    command: list[str | Path] = [
        *(program(_NAME), f"--kubeconfig={kubeconfig}", f"--bind-address={address}"),
        *(f"--authentication-kubeconfig={kubeconfig}", f"--authorization-kubeconfig={kubeconfig}"),
        *(f"--secure-port={port}", *serving_arguments(serving)),
        *("--kubelet-use-node-status-port", "--kubelet-preferred-address-types=InternalIP"),
        f"--kubelet-certificate-authority={control_plane.authority.files.certificate}",
        # Without a timeout shorter than the resolution it panics.
        *("--metric-resolution=10s", "--kubelet-request-timeout=5s"),
    ]
    control_plane.processes.start(_NAME, command)
    control_plane.kubectl("apply", "--filename=-", content=_registration(control_plane, port))
    control_plane.kubectl(
        *("wait", "--for=condition=Available", "--timeout=120s"),
        f"apiservice/{_VERSION}.metrics.k8s.io",
    )


def _registration(control_plane: ControlPlane, port: int) -> str:
    authority = control_plane.authority.files.certificate.read_bytes()
    here = {"name": _NAME, "namespace": _NAMESPACE}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": here}
    objects: list[dict[str, Any]] = [service]
    if control_plane.address == LOOPBACK:
        # No kube-proxy makes a cluster address reachable from the API server's own machine.
        service["spec"] = {"type": "ExternalName", "externalName": "localhost"}
    else:
        # The API server goes to the endpoint itself, which is no pod.
        service["spec"] = {"ports": [{"name": "https", "port": port}]}
        objects.append(
            {
                **{"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice"},
                "metadata": {**here, "labels": {"kubernetes.io/service-name": _NAME}},
                **{"addressType": "IPv4", "ports": [{"name": "https", "port": port}]},
                "endpoints": [{"addresses": [control_plane.address]}],
            }
        )
    registration = {
        **{"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService"},
        "metadata": {"name": f"{_VERSION}.metrics.k8s.io"},
        "spec": {
            **{"group": "metrics.k8s.io", "version": _VERSION},
            **{"groupPriorityMinimum": 100, "versionPriority": 100},
            "service": {"name": _NAME, "namespace": _NAMESPACE, "port": port},
            "caBundle": base64.b64encode(authority).decode(),
        },
    }
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [*objects, registration]})
