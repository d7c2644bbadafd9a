"""What VictoriaMetrics calls an OpenTelemetry metric (`-opentelemetry.usePrometheusNaming`)."""

from typing import Literal

from contracts.telemetry import Metric

Kind = Literal["counter", "gauge", "histogram"]

_UNITS = {"s": "seconds", "By": "bytes", "ms": "milliseconds", "1": "ratio", "%": "percent"}


def prometheus_name(name: str, unit: str, kind: Kind) -> str:
    """Of a histogram the base, to which `_bucket`, `_sum` and `_count` are added."""
    found = name.replace(".", "_")
    # Units in braces are annotations and leave no trace; a ratio is said of gauges only.
    suffix = "" if unit == "1" and kind != "gauge" else _UNITS.get(unit, "")
    if suffix and not found.endswith(f"_{suffix}"):
        found = f"{found}_{suffix}"
    return f"{found}_total" if kind == "counter" and not found.endswith("_total") else found


def counter(metric: Metric) -> str:
    return prometheus_name(metric.name, metric.unit, "counter")


def gauge(metric: Metric) -> str:
    return prometheus_name(metric.name, metric.unit, "gauge")


def histogram(metric: Metric) -> str:
    return prometheus_name(metric.name, metric.unit, "histogram")
