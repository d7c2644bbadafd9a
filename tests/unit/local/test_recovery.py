"""What an earlier run left: `tests/e2e/local/test_launcher.py` has what is refused."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from local.layout import DataFolder
from local.recovery import require_intact_database


def test_rows_that_are_still_in_the_write_ahead_log_come_back(tmp_path: Path) -> None:
    living, data = tmp_path / "living.db", DataFolder(tmp_path)
    with closing(sqlite3.connect(living)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE orders (number INTEGER)")
        connection.execute("INSERT INTO orders VALUES (7)")
        connection.commit()
        # As a machine that loses power leaves them.
        shutil.copy(living, data.database)
        shutil.copy(f"{living}-wal", f"{data.database}-wal")
    require_intact_database(data)
    with closing(sqlite3.connect(data.database)) as connection:
        assert connection.execute("SELECT number FROM orders").fetchall() == [(7,)]


def test_a_first_start_that_left_an_empty_file_goes_on(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    data.prepare()
    data.database.touch()
    require_intact_database(data)
