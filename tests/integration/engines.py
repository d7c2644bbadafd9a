"""Engines that a test opens and closes."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from servicekit.database.engine import create_database_engine


@contextmanager
def opened(url: str, *, read_only: bool = False, seconds: float = 30) -> Iterator[Engine]:
    engine = create_database_engine(
        url, read_only=read_only, connections=1, statement_seconds=seconds
    )
    yield engine
    engine.dispose()
