"""Logs are gone after ninety days and not before, by the flags that compose gives VictoriaLogs."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from tests.servers import running
from tests.telemetry_stores import VictoriaLogs, ask, eventually

RETENTION, OLDEST = "-retentionPeriod=90d", 95
LINES_A_DAY = 3


class RetainingLogs(VictoriaLogs):
    """With another retention or bound, as if time had passed or the disk were smaller."""

    def __init__(self, folder: Path, **flags: str) -> None:
        super().__init__(folder)
        self._folder = folder / "logs"
        assert RETENTION in self.command
        for name, value in flags.items():
            option = f"-{name.replace('_', '.')}="
            kept = [flag for flag in self.command if not flag.startswith(option)]
            self.command = [*kept, f"{option}{value}"]

    def write(self, ages: range) -> None:
        """The same moment of each day, seconds less than `age` days ago."""
        now = datetime.now(UTC) + timedelta(seconds=5)
        lines = [
            {"_time": (now - timedelta(days=age)).isoformat(), "_msg": f"line {n}", "age": age}
            for age in ages
            for n in range(LINES_A_DAY)
        ]
        body = "".join(f"{json.dumps(line)}\n" for line in lines)
        httpx.post(f"{self.url}/insert/jsonline", content=body, trust_env=False).raise_for_status()

    def ages(self) -> set[int]:
        """Of which days all lines are there; none is there in part."""
        found = self.query("* | stats by (age) count() lines")
        assert {line["lines"] for line in found} <= {str(LINES_A_DAY)}
        return {int(line["age"]) for line in found}

    def days_on_disk(self) -> int:
        return sum(1 for _ in (self._folder / "partitions").iterdir())

    def dropped(self) -> dict[str, int]:
        lines = ask(f"{self.url}/metrics").text.splitlines()
        counts = [line.split() for line in lines if line.startswith("vl_rows_dropped_total")]
        return {name: int(count) for name, count in counts if count != "0"}


def test_lines_up_to_ninety_days_old_are_taken_and_older_ones_dropped_and_counted(
    tmp_path: Path,
) -> None:
    with running(logs := RetainingLogs(tmp_path)):
        logs.write(range(OLDEST + 1))
        assert eventually(logs.ages) == set(range(91))
        # The alert LogsDropped.
        reason = 'vl_rows_dropped_total{reason="too_small_timestamp"}'
        assert logs.dropped() == {reason: LINES_A_DAY * (OLDEST - 90)}


def test_what_became_older_than_ninety_days_is_gone_from_the_disk(tmp_path: Path) -> None:
    with running(logs := RetainingLogs(tmp_path, retentionPeriod="100d")):
        logs.write(range(OLDEST + 1))
        assert eventually(logs.ages) == set(range(OLDEST + 1))
        assert logs.days_on_disk() == OLDEST + 1
        logs.stop()
    with running(logs := RetainingLogs(tmp_path)):
        eventually(lambda: logs.days_on_disk() == 91)
        assert logs.ages() == set(range(91))


def test_beyond_the_bound_the_oldest_days_go_first_and_the_last_two_stay(tmp_path: Path) -> None:
    with running(logs := RetainingLogs(tmp_path)):
        logs.write(range(10))
        assert eventually(logs.ages) == set(range(10))
        logs.stop()
    with running(logs := RetainingLogs(tmp_path, retention_maxDiskSpaceUsageBytes="1")):
        eventually(lambda: logs.days_on_disk() == 2)
        assert logs.ages() == {0, 1}
