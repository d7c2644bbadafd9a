"""Metrics as values, and the instruments that record them, by OpenTelemetry's API."""

from collections.abc import Callable, Iterable, Mapping

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

# Its name, its unit in UCUM, as the semantic conventions ask, and its description.
Metric = tuple[str, str, str]


def create_counter(metric: Metric) -> metrics.Counter:
    return metrics.get_meter("arloji").create_counter(*metric)


def create_histogram(metric: Metric, boundaries: tuple[float, ...]) -> metrics.Histogram:
    return metrics.get_meter("arloji").create_histogram(
        *metric, explicit_bucket_boundaries_advisory=boundaries
    )


def observe_gauge(metric: Metric, read: Callable[[], float | None]) -> None:
    """A gauge that calls `read` at each export; None is no observation."""

    def read_one() -> list[tuple[float, Mapping[str, str]]]:
        value = read()
        # A truth value is a number to Python, not to the exporter.
        return [] if value is None else [(float(value), {})]

    observe_gauges(metric, read_one)


def observe_gauges(
    metric: Metric, read: Callable[[], Iterable[tuple[float, Mapping[str, str]]]]
) -> None:
    """A gauge with several values, each with its attributes, that calls `read` at each export."""

    def observe(_options: CallbackOptions) -> list[Observation]:
        return [Observation(value, attributes) for value, attributes in read()]

    name, unit, description = metric
    metrics.get_meter("arloji").create_observable_gauge(name, [observe], unit, description)
