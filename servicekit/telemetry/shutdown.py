"""The last flush of telemetry, and few log lines about a collector that does not answer."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

E = TypeVar("E")

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
# An export under way for longer than this is taken for one that gets no answer.
_EXPORT_TIMEOUT_SECONDS = 1.5
_LAST_TRY_SECONDS = 0.5
_POLL_SECONDS = 0.05
# Between two lines of one part of OpenTelemetry, which would complain of every batch.
_LOG_INTERVAL_SECONDS = 300.0


class MonitoredExporter:
    """Notes whether the last export failed, and since when one is under way."""

    def __init__(self, exporter: Any) -> None:
        self._exporter, self._export = exporter, exporter.export
        self._began: float | None = None
        self._failed = False
        exporter.export = self._note

    def _note(self, *args: Any, **options: Any) -> Any:
        self._began = time.monotonic()
        try:
            result = self._export(*args, **options)
            self._failed = result.name != "SUCCESS"
        finally:
            self._began = None
        return result

    def abandon(self) -> None:
        """Make it fail at once, and let a second shutdown do nothing."""
        self._exporter.shutdown()
        self._exporter.shutdown = lambda **_: None

    @property
    def is_failing(self) -> bool:
        began = self._began
        stuck = began is not None and time.monotonic() - began > _EXPORT_TIMEOUT_SECONDS
        return stuck or self._failed


class Telemetry:
    """What has to be flushed at the very end."""

    def __init__(self, shutdowns: list[Callable[[], None]]) -> None:
        self.shutdowns = shutdowns
        self._exporters: list[MonitoredExporter] = []

    def monitor(self, exporter: E) -> E:
        self._exporters.append(MonitoredExporter(exporter))
        return exporter

    def shutdown(self) -> None:
        """Flush and close every exporter, side by side, for FLUSH_SECONDS at most: alone, each
        would wait half a minute for a collector that does not answer. One that has not answered
        before gets one more try and no longer wait."""
        began = time.monotonic()
        threads = [
            threading.Thread(target=_flush, args=(shutdown,), daemon=True)
            for shutdown in self.shutdowns
        ]
        for thread in threads:
            thread.start()
        abandoned: set[MonitoredExporter] = set()
        while any(thread.is_alive() for thread in threads):
            waited = time.monotonic() - began
            if waited > FLUSH_SECONDS:
                break
            if waited > _LAST_TRY_SECONDS:
                failing = {one for one in self._exporters if one.is_failing} - abandoned
                for one in failing:
                    one.abandon()
                abandoned |= failing
            for thread in threads:
                thread.join(_POLL_SECONDS)
        if abandoned or any(thread.is_alive() for thread in threads):
            logger.warning("telemetry not flushed: no answer in time")


def _flush(shutdown: Callable[[], None]) -> None:
    try:
        shutdown()
    except Exception:
        logger.warning("telemetry not flushed", exc_info=True)


class RateLimitFilter(logging.Filter):
    """One line of each part of OpenTelemetry, then silence for minutes: a collector that is
    unavailable is no news every second."""

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("opentelemetry."):
            return True
        part, now = ".".join(record.name.split(".")[:3]), time.monotonic()
        if now < self._next.get(part, 0.0):
            return False
        self._next[part] = now + _LOG_INTERVAL_SECONDS
        return True


def rate_limit_logs() -> None:
    """For every handler there is now."""
    limited = RateLimitFilter()
    for handler in logging.getLogger().handlers:
        handler.addFilter(limited)
