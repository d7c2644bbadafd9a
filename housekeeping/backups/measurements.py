"""What runs of housekeeping leave in the metrics: values of the last run, since a process that
has ended is asked no more."""

import time
from collections.abc import Mapping

from contracts import telemetry
from housekeeping.backups.manifest import Manifest
from servicekit.telemetry.metrics import Metric, observe_gauges

# Of this process: metric → attributes → value.
_values: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}


def record_backup(manifest: Manifest, seconds: float, *, good: bool) -> None:
    _set(telemetry.BACKUP_SIZE, manifest.size, {})
    _set(telemetry.BACKUP_ROWS, manifest.rows, {})
    record_run("backup", seconds, good=good)


def record_run(command: str, seconds: float, *, good: bool) -> None:
    _set(telemetry.BACKUP_DURATION, seconds, {"command": command})
    _set(telemetry.BACKUP_GOOD, 1 if good else 0, {"command": command})
    if good:
        _set(telemetry.BACKUP_LAST_GOOD, time.time(), {"command": command})


def record_purged(orders: int) -> None:
    _set(telemetry.ORDERS_PURGED, orders, {})


def record_freed(size: int) -> None:
    _set(telemetry.BACKUP_FREED, size, {})


def record_newest_verified(moment: float) -> None:
    _set(telemetry.BACKUP_NEWEST_VERIFIED, moment, {})


def _set(metric: Metric, value: float, attributes: Mapping[str, str]) -> None:
    name = metric[0]
    if name not in _values:
        _values[name] = {}
        observe_gauges(metric, lambda: [(value, dict(key)) for key, value in _values[name].items()])
    _values[name][tuple(attributes.items())] = value
