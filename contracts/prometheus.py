"""What VictoriaMetrics calls an OpenTelemetry metric (`-opentelemetry.usePrometheusNaming`), and
the same names in the text that node-exporter reads from files
(https://prometheus.io/docs/instrumenting/exposition_formats/). Standard library only."""

from collections.abc import Iterable, Mapping
from typing import Literal

from contracts.telemetry import Metric

Kind = Literal["counter", "gauge", "histogram"]

_UNITS = {"s": "seconds", "By": "bytes", "ms": "milliseconds", "1": "ratio", "%": "percent"}
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def prometheus_name(name: str, unit: str, kind: Kind) -> str:
    """Of a histogram the base, to which `_bucket`, `_sum` and `_count` are added."""
    found = name.replace(".", "_")
    # Units in braces are annotations and leave no trace; a ratio is said of gauges only.
    suffix = "" if unit == "1" and kind != "gauge" else _UNITS.get(unit, "")
    if suffix and not found.endswith(f"_{suffix}"):
        found = f"{found}_{suffix}"
    return f"{found}_total" if kind == "counter" and not found.endswith("_total") else found


def render_gauges(values: Iterable[tuple[Metric, Mapping[str, str], float]]) -> str:
    """Values of the same metric follow each other."""
    lines: list[str] = []
    for metric, attributes, value in values:
        name = prometheus_name(metric.name, metric.unit, "gauge")
        head = [f"# HELP {name} {metric.description}", f"# TYPE {name} gauge"]
        lines += [] if head[1] in lines else head
        labels = ",".join(f'{key}="{text.translate(_ESCAPED)}"' for key, text in attributes.items())
        lines.append(f"{name}{{{labels}}} {float(value)!r}")
    return "".join(f"{line}\n" for line in lines)
