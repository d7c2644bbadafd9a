"""The database is spoilt on purpose. By the documented commands it goes back to a moment after its
backup, by MySQL's binary logs; what was accepted later is named, and its retry brings it back."""

from contextlib import closing
from datetime import UTC, datetime

from tests.compose.project import ComposeProject
from tests.compose.test_disaster import Customer, differences, documented, named, settled, stored
from tests.e2e.conftest import assert_stock_is_the_sum_of_its_ledger
from tests.waiting import eventually


def next_second() -> datetime:
    """A log knows whole seconds, and leaves the last one out."""
    now = datetime.now(UTC).replace(microsecond=0)
    return eventually(lambda: datetime.now(UTC).replace(microsecond=0), lambda one: one > now)


def test_a_spoilt_database_goes_back_to_a_moment_after_its_backup(project: ComposeProject) -> None:
    with closing(Customer(project)) as customer:
        left_by_others = differences(project)
        project.compose("run", "--rm", "housekeeping", "backup")
        good = customer.accept("good-1", "good-2")
        settled(project, good)
        until = next_second()
        next_second()
        spoilt = customer.accept("spoilt-1", "spoilt-2")
        settled(project, spoilt)

        for command in documented("To a moment, in Docker"):
            project.run("sh", "-c", command.replace("2026-11-28T05:00:00Z", until.isoformat()))

        assert stored(project).keys() >= set(good.values())
        assert differences(project) - left_by_others == named(spoilt)
        assert customer.accept(*spoilt) == spoilt
        settled(project, spoilt)
        assert set(stored(project).values()) == {1}
        assert_stock_is_the_sum_of_its_ledger(project)
