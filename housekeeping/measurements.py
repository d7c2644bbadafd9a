"""What runs of housekeeping leave in metrics, trace and logs: values of the last run, since a
process that has ended is asked no more."""

import argparse
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path

from opentelemetry import trace

from contracts import telemetry
from contracts.prometheus import render_gauges
from contracts.telemetry import Metric
from servicekit.telemetry.metrics import observe_gauges

_OUTCOMES = {0: ("success", logging.INFO), 1: ("finding", logging.WARNING)}
_FAILURE = ("failure", logging.ERROR)

logger = logging.getLogger("housekeeping")
logger.setLevel(logging.INFO)
# The command has told the terminal already: only what is exported hears of it.
logger.addHandler(logging.NullHandler())

# Of this process: metric → attributes → value.
_values: dict[Metric, dict[tuple[tuple[str, str], ...], float]] = {}


def record_run(options: argparse.Namespace, code: int, seconds: float, reason: str = "") -> None:
    """`code` is what the process ends with; `reason` says why, if it could not do its work."""
    outcome, level = _OUTCOMES.get(code, _FAILURE)
    who = {"command": options.command} | writer_of(options)
    set_gauge(telemetry.HOUSEKEEPING_LAST_RUN, time.time(), who | {"outcome": outcome})
    set_gauge(telemetry.HOUSEKEEPING_DURATION, seconds, who)
    span = trace.get_current_span()
    span.set_attribute(telemetry.HOUSEKEEPING_OUTCOME, outcome)
    if outcome == _FAILURE[0]:
        span.set_status(trace.StatusCode.ERROR)
    ended = f"{options.command} ended: {outcome}" + (f": {reason}" if reason else "")
    logger.log(level, ended, extra={**who, "outcome": outcome, "seconds": round(seconds, 3)})


def writer_of(options: argparse.Namespace) -> dict[str, str]:
    """Of rotate-logs alone, which runs once for each log volume."""
    return {"writer": options.name or options.writer} if options.command == "rotate-logs" else {}


def record_freed(options: argparse.Namespace, size: int) -> None:
    """Nothing of a dry run."""
    if options.dry_run:
        return
    who = {"command": options.command} | writer_of(options)
    set_gauge(telemetry.HOUSEKEEPING_FREED, size, who)


def record_purged(orders: int) -> None:
    set_gauge(telemetry.ORDERS_PURGED, orders)


def record_differences(found: Mapping[str, int]) -> None:
    """Of every kind, those without any as well: a 0 ends an alert."""
    for kind, count in found.items():
        set_gauge(telemetry.RECONCILE_DIFFERENCES, count, {"kind": kind})


def set_gauge(metric: Metric, value: float, attributes: Mapping[str, str] | None = None) -> None:
    if metric not in _values:
        _values[metric] = {}
        observe_gauges(
            metric, lambda: [(value, dict(key)) for key, value in _values[metric].items()]
        )
    _values[metric][tuple((attributes or {}).items())] = value


def write_textfile(path: Path) -> None:
    """Whole or not at all, as node-exporter may read at any moment, and readable to it."""
    text = render_gauges(
        (metric, dict(key), value)
        for metric, values in _values.items()
        for key, value in values.items()
    )
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(text)
    unfinished.chmod(0o644)
    unfinished.rename(path)
