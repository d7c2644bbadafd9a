"""Which backups are removed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekeeping.backups.folder import FolderStore
from housekeeping.backups.manifest import Damaged, Kind, Level, Manifest, StoredFile, Verified
from housekeeping.backups.purge import Retention, choose_doomed
from housekeeping.backups.store import Backup

State = Literal["verified", "unverified", "damaged"]
START = datetime(2026, 1, 1, tzinfo=UTC)
USUAL = Retention()


def backup(moment: datetime, sequence: int, state: State = "verified") -> Backup:
    name = f"{moment:%Y%m%dT%H%M%SZ}-sqlite"
    manifest = Manifest(
        name=name,
        sequence=sequence,
        kind=Kind.SQLITE,
        encryption="none",
        started_at=moment,
        snapshot_at=moment,
        finished_at=moment,
        schema_revision="0001",
        tables={},
        position=None,
        database=StoredFile(name="arloji.db.zst", size=1, sha256="", content_size=1),
        queue=None,
        queue_missing=None,
        server_version="3",
        tool_version="3",
    )
    return Backup(
        FolderStore(Path("/backups")),
        name,
        {},
        manifest,
        Verified(verified_at=moment, level=Level.CONTENTS, seconds=1)
        if state == "verified"
        else None,
        Damaged(found_at=moment, faults=["cut"]) if state == "damaged" else None,
    )


def daily(days: int, *, state: State = "verified", per_day: int = 1) -> list[Backup]:
    return [
        backup(
            START + timedelta(days=day, hours=24 / per_day * number), day * per_day + number, state
        )
        for day in range(days)
        for number in range(per_day)
    ]


def kept(backups: list[Backup], retention: Retention = USUAL) -> list[str]:
    doomed = choose_doomed(backups, retention)
    return [one.name[:8] for one in backups if one not in doomed]


def test_of_a_year_of_days_seven_days_five_weeks_and_three_months_stay() -> None:
    assert kept(daily(365)) == [
        # The last of October and of November, and of each week until
        *("20261031", "20261130", "20261206", "20261213", "20261220"),
        # the seven days, with the last of a week and the newest of the month.
        *("20261225", "20261226", "20261227", "20261228", "20261229", "20261230", "20261231"),
    ]


def test_of_a_day_with_many_the_last_one_stays() -> None:
    backups = daily(3, per_day=24)
    doomed = choose_doomed(backups, USUAL)
    assert [one.name for one in backups if one not in doomed] == [
        backups[23].name,
        backups[47].name,
        backups[71].name,
    ]


def test_a_schedule_that_stopped_costs_no_backup() -> None:
    """By days with a backup, not by the calendar of today."""
    assert len(kept(daily(7))) == 7


def test_unverified_backups_replace_no_verified_one() -> None:
    old = daily(3)
    newer = [backup(START + timedelta(days=day), day, "unverified") for day in range(100, 200)]
    assert set(old) <= {
        one for one in [*old, *newer] if one not in choose_doomed([*old, *newer], USUAL)
    }
    assert choose_doomed(newer, USUAL) == []


def test_a_damaged_newest_backup_does_not_count() -> None:
    backups = [*daily(2), backup(START + timedelta(days=3), 3, "damaged")]
    assert choose_doomed(backups, Retention(1, 0, 0)) == [backups[0]]
    assert choose_doomed(backups, Retention(0, 0, 0)) == [backups[0]]


def test_old_damaged_backups_go_when_their_time_has_come() -> None:
    backups = [
        *daily(30, state="damaged"),
        *(backup(START + timedelta(days=d), d) for d in range(30, 60)),
    ]
    doomed = choose_doomed(backups, USUAL)
    assert backups[0] in doomed


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from(["verified", "unverified", "damaged"])),
        max_size=60,
        unique_by=lambda one: one[0],
    ),
    st.builds(Retention, *[st.integers(0, 8)] * 3),
)
def test_whatever_there_is_the_newest_good_one_stays(
    described: list[tuple[int, State]], retention: Retention
) -> None:
    backups = [
        backup(START + timedelta(days=day), number, state)
        for number, (day, state) in enumerate(described)  # the clock may have jumped
    ]
    doomed = choose_doomed(backups, retention)
    good = [one for one in backups if one.is_good]
    assert not set(doomed) & set(good[-1:])
    # Nothing that is newer either: it may yet prove to be good.
    assert not good or not set(doomed) & set(backups[backups.index(good[-1]) :])
    assert good or not doomed
    # And by the same rule nothing more goes in the next run.
    left = [one for one in backups if one not in doomed]
    assert choose_doomed(left, retention) == []


@pytest.mark.parametrize("state", ["unverified", "damaged"])
def test_without_a_verified_backup_nothing_goes(state: State) -> None:
    assert choose_doomed(daily(100, state=state), Retention(0, 0, 0)) == []
