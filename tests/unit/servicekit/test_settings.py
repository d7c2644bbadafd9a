"""What settings take from the environment, and what is said of values that are not valid."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, SecretStr

from database.__main__ import main as database
from housekeeping.__main__ import main as housekeeping
from servicekit.http_server.serve import serve
from servicekit.settings import ServiceSettings
from services.consumer.dead_letters.command import main as dead_letters
from services.consumer.settings import Settings as ConsumerSettings
from services.frontend.settings import Settings as FrontendSettings


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < 8:
        raise ValueError("needs 8 characters")
    return secret


class Settings(ServiceSettings):
    service_name = "one"
    port: int = 1
    secret: Annotated[SecretStr, AfterValidator(_long_enough)] = SecretStr("the default")


def start(settings: type[ServiceSettings]) -> None:
    def never(_settings: object) -> None:
        raise AssertionError("it was built with wrong settings")

    serve(never, settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "field", "read"),
    [
        ("LOG_LEVEL", "info", "log_level", "INFO"),
        ("LOG_LEVEL", "Warning", "log_level", "WARNING"),
        ("PORT", "", "port", 1),  # empty is as good as not set
        ("PORT", "7", "port", 7),
    ],
)
def test_a_setting_is_read(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, field: str, read: object
) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(Settings(), field) == read


def test_a_secret_file_wins_over_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.setenv("SECRET", "from the variable")
    monkeypatch.setenv("SECRET_FILE", str(tmp_path / "secret"))
    assert Settings().secret.get_secret_value() == "from the file"


@pytest.mark.parametrize(("content", "why"), [(None, "cannot read"), (" \n", "it is empty")])
def test_a_secret_file_without_a_secret_is_an_error_and_not_the_default(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    content: str | None,
    why: str,
) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    monkeypatch.setenv("SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(SystemExit) as end:
        start(Settings)
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert line.startswith("one: SECRET_FILE: cannot read")
    assert why in line


def test_each_wrong_setting_is_named_in_a_line_without_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"PORT": "many", "DRAIN_SECONDS": "-1", "SECRET": "hush", "LOG_LEVEL": "LOUD"}
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        start(Settings)
    told = capsys.readouterr()
    assert (end.value.code, told.out) == (2, "")
    lines = [line.split(": ") for line in told.err.splitlines()]
    assert sorted(line[:2] for line in lines) == [["one", name] for name in sorted(wrong)]
    assert "hush" not in told.err


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
def test_every_program_names_what_is_set_wrongly_without_a_traceback(
    program: Callable[[], object],
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
