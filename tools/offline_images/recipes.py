"""How each pinned image is made here, and which cannot be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Recipe:
    """`context` is a folder in `contexts/`; `server` a Go server put into it; `version` the
    command whose output must show the version that the image's tag promises. One that
    `fetches_modules` gets this machine's settings for that."""

    context: str
    version: Sequence[str]
    server: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    fetches_modules: bool = False


def _go_server(binary: str, server: str, version_flag: str, user_id: str = "0") -> Recipe:
    return Recipe(
        "static-server",
        (binary, version_flag),
        server,
        {"BINARY": binary, "USER_ID": user_id},
    )


def _shell_less_server(server: str, version_flag: str, user_id: str = "0") -> Recipe:
    return Recipe("scratch-server", ("/server", version_flag), server, {"USER_ID": user_id})


def _package(package: str, binary: str, installed_as: str, user_id: str) -> Recipe:
    arguments = {"PACKAGE": package, "BINARY": binary, "INSTALLED_AS": installed_as}
    return Recipe(
        "debian-package", (binary, "--version"), arguments={**arguments, "USER_ID": user_id}
    )


RECIPES: Mapping[str, Recipe] = {
    "python": Recipe("python", ("python", "--version")),
    "nginx": Recipe("nginx", ("nginx", "-v")),
    "redis": Recipe("redis", ("redis-server", "--version")),
    "mysql": Recipe("mysql", ("mysqld", "--version")),
    "golang": Recipe(
        "golang", ("go", "version"), arguments={"SERIES": "1.27"}, fetches_modules=True
    ),
    "victoriametrics/victoria-metrics": _go_server(
        "/victoria-metrics-prod", "victoria-metrics", "-version"
    ),
    "victoriametrics/vmalert": _go_server("/vmalert-prod", "vmalert", "-version"),
    "victoriametrics/victoria-logs": _shell_less_server("victoria-logs", "-version"),
    "otel/opentelemetry-collector-contrib": _shell_less_server(
        "otelcol-contrib", "--version", "10001"
    ),
    "prom/node-exporter": _go_server("/bin/node_exporter", "node_exporter", "--version", "65534"),
    "ghcr.io/google/cadvisor": _go_server("/usr/bin/cadvisor", "cadvisor", "--version"),
    "oliver006/redis_exporter": _package(
        "prometheus-redis-exporter",
        "/redis_exporter",
        "/usr/bin/prometheus-redis-exporter",
        "59000",
    ),
    "prom/mysqld-exporter": _package(
        "prometheus-mysqld-exporter",
        "/bin/mysqld_exporter",
        "/usr/bin/prometheus-mysqld-exporter",
        "65534",
    ),
    "nginx/nginx-prometheus-exporter": _package(
        "prometheus-nginx-exporter",
        "/usr/bin/nginx-prometheus-exporter",
        "/usr/bin/prometheus-nginx-exporter",
        "1001",
    ),
    "prom/alertmanager": _go_server("/bin/alertmanager", "alertmanager", "--version", "65534"),
    "registry.k8s.io/kube-state-metrics/kube-state-metrics": _go_server(
        "/kube-state-metrics", "kube-state-metrics", "version", "65534"
    ),
}

# And why.
NOT_BUILDABLE: Mapping[str, str] = {
    "grafana/grafana": "neither Debian nor the Go module proxy has a whole Grafana",
    "victoriametrics/victoria-traces": "its Go module is not available",
}
