from collections.abc import Callable
from pathlib import Path

import pytest

from database.__main__ import main as database
from housekeeping.__main__ import main as housekeeping
from servicekit.http_server.serve import serve
from servicekit.settings import EnvironmentSettings, SecretFileUnreadable, ServiceSettings
from services.consumer.dead_letters.command import main as dead_letters
from services.consumer.settings import Settings as ConsumerSettings
from services.frontend.settings import Settings as FrontendSettings

Program = Callable[[], object]


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


class Service(ServiceSettings):
    service_name = "one"
    port: int = 1


@pytest.mark.parametrize("level", ["info", "Info", "INFO"])
def test_a_log_level_may_be_written_in_any_case(
    monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setenv("LOG_LEVEL", level)
    assert Service().log_level == "INFO"


def start(settings: type[ServiceSettings]) -> None:
    def never(_settings: object) -> None:
        raise AssertionError("it was built with wrong settings")

    serve(never, settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "program",
    [
        lambda: database(["upgrade"]),
        lambda: housekeeping(["reconcile"]),
        lambda: dead_letters(["list"]),
        lambda: start(ConsumerSettings),
        lambda: start(FrontendSettings),
    ],
    ids=["database", "housekeeping", "dead_letters", "consumer", "frontend"],
)
@pytest.mark.parametrize(
    ("names", "value", "why"),
    [
        (("DATABASE_URL_FILE", "API_GW_URL_FILE"), "/no/hush", "cannot read /no/hush"),
        (("DATABASE_URL", "API_GW_URL"), "postgres://me:hush@db/shop", ""),
        (("DATABASE_URL", "API_GW_URL"), "sqlite://var/hush.db", ""),
        (("DATABASE_URL", "API_GW_URL"), "hush", ""),
        (("QUEUE_REDIS_URL", "API_GW_URL", "DATABASE_URL"), "http:hush", ""),
        (("ARLOJI_PORT_OFFSET", "DATABASE_URL"), "many", ""),
    ],
)
def test_what_is_set_wrongly_is_named_by_every_program_without_a_traceback(
    program: Program,
    names: tuple[str, ...],
    value: str,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SESSION_SECRET", "x" * 32)
    for name in names:
        monkeypatch.setenv(name, value)
    try:
        code = program()
    except SystemExit as end:
        code = end.code
    told = capsys.readouterr().err
    assert code == 2
    assert "Traceback" not in told
    assert any(name in told for name in names)
    assert why in told
    assert why or "hush" not in told
