"""What the stores call our metrics."""

from contracts.prometheus import prometheus_name
from contracts.telemetry import Metric


def counter(metric: Metric) -> str:
    return prometheus_name(metric.name, metric.unit, "counter")


def gauge(metric: Metric) -> str:
    return prometheus_name(metric.name, metric.unit, "gauge")


def histogram(metric: Metric) -> str:
    return prometheus_name(metric.name, metric.unit, "histogram")
