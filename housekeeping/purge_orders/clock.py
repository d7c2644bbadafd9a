"""A clock that runs ahead would make young things old."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select

from housekeeping.failures import CouldNot

_MAY_DIFFER = timedelta(minutes=10)


def require_same_clock(engine: Engine, now: datetime) -> None:
    """Raises `CouldNot` if the database's machine has another time than this one."""
    with engine.connect() as connection:
        moment: datetime | None = connection.scalar(select(func.now()))
    assert moment is not None
    there = moment.replace(tzinfo=UTC)
    if abs(there - now) > _MAY_DIFFER:
        raise CouldNot(
            f"the clock here says {now:%Y-%m-%d %H:%M}, the database's {there:%Y-%m-%d %H:%M}"
            " (UTC): set the wrong one right"
        )
