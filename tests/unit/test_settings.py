from pathlib import Path

import pytest

from servicekit.settings import EnvironmentSettings, SecretFileUnreadable


class Settings(EnvironmentSettings):
    session_secret: str = "default"
    batch_size: int = 1


def test_a_secret_file_wins_over_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("from file\n")
    monkeypatch.setenv("SESSION_SECRET", "from variable")
    monkeypatch.setenv("SESSION_SECRET_FILE", str(tmp_path / "secret"))
    assert Settings().session_secret == "from file"


def test_a_missing_secret_file_is_an_error_and_not_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SESSION_SECRET_FILE", str(tmp_path / "absent"))
    with pytest.raises(SecretFileUnreadable, match="SESSION_SECRET_FILE: cannot read"):
        Settings()


def test_an_empty_secret_file_is_an_error_and_not_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(" \n")
    monkeypatch.setenv("SESSION_SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(SecretFileUnreadable, match="it is empty"):
        Settings()


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_SIZE", "")
    assert Settings().batch_size == 1
