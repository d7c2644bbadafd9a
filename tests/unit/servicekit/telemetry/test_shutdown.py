"""How long the end waits for exporters, and how often a line of theirs is let through."""

import logging
import threading
import time
from types import SimpleNamespace

import pytest

from servicekit.telemetry import shutdown
from servicekit.telemetry.shutdown import RateLimitFilter, Telemetry


class Exporter:
    """Its provider's flush lasts until the exporter is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def export(self) -> SimpleNamespace:
        return SimpleNamespace(name="FAILURE")

    def shutdown(self) -> None:
        self.closed.set()

    def flush(self) -> None:
        self.closed.wait(60)


@pytest.mark.parametrize(("failed_before", "seconds"), [(True, 0.5), (False, 1.5)])
def test_who_failed_before_gets_one_more_try_and_nobody_more_than_the_flush_may_take(
    failed_before: bool,
    seconds: float,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(shutdown, "FLUSH_SECONDS", 1.5)
    exporter = Exporter()
    telemetry = Telemetry([exporter.flush])
    telemetry.monitor(exporter)
    if failed_before:
        exporter.export()
    began = time.monotonic()
    telemetry.shutdown()
    assert time.monotonic() - began >= seconds
    assert exporter.closed.is_set() is failed_before
    assert caplog.messages == ["telemetry not flushed: no answer in time"]
    exporter.closed.set()


def test_a_flush_that_fails_does_not_keep_the_others_from_theirs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise ArithmeticError

    flushed: list[bool] = []
    Telemetry([fail, lambda: flushed.append(True)]).shutdown()
    assert flushed == [True]
    assert caplog.messages == ["telemetry not flushed"]


def test_each_part_of_opentelemetry_has_one_line_for_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(shutdown.time, "monotonic", lambda: now)
    limited = RateLimitFilter()

    def passes(name: str) -> bool:
        return limited.filter(logging.makeLogRecord({"name": name}))

    first = [passes(f"opentelemetry.{part}") for part in ("sdk.a", "sdk.b.c", "exporter.x")]
    assert first == [True] * 3
    assert not passes("opentelemetry.sdk.b.d")
    assert passes("servicekit.x")
    assert passes("servicekit.x")
    now += 301
    assert passes("opentelemetry.sdk.b.d")
