from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.integration.housekeeping.purging import Books


@pytest.fixture
def books(
    engine: Engine,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Books:
    archive = tmp_path / "archive"
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("ARCHIVE_DIRECTORY", str(archive))
    return Books(engine, archive, capsys)
