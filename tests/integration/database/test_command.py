"""The command waits for a server that is not there yet, for a bounded time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from database import __main__ as command
from database.revision import newest_revision
from local.free_port import free_port
from tests.servers import MySqlServer
from tests.waiting import eventually


@pytest.fixture
def late(
    mysql_server: MySqlServer, mysql_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MySqlServer]:
    """A server that does not know the user of the URL."""
    monkeypatch.setattr(command, "_SAY_EVERY_SECONDS", 0)
    monkeypatch.setattr(command, "_TRY_EVERY_SECONDS", 0.05)
    monkeypatch.setenv("DATABASE_URL", mysql_url.replace("root:", "late:secret"))
    yield mysql_server
    mysql_server.execute("DROP USER IF EXISTS late")


def test_an_account_that_is_about_to_be_made_is_waited_for(
    late: MySqlServer, capfd: pytest.CaptureFixture[str]
) -> None:
    said = ""

    def output() -> str:
        nonlocal said
        said += capfd.readouterr().out
        return said

    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(command.main, ["--wait", "60", "upgrade"])
        eventually(output, lambda text: "waiting for the database: " in text)
        late.execute("CREATE USER late IDENTIFIED BY 'secret'", "GRANT ALL ON *.* TO late")
        assert run.result(60) == 0
    assert f"database is at revision {newest_revision()}" in output()
    assert "secret" not in said


def test_nobody_waits_for_ever(late: MySqlServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--wait", "0.2", "upgrade"]) == 1
    assert "database --wait failed: (1045, " in capsys.readouterr().err


def test_without_a_server_and_without_waiting_the_command_fails_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"mysql+pymysql://a:b@127.0.0.1:{free_port()}/shop")
    assert command.main(["upgrade"]) == 1
    said = capsys.readouterr()
    assert "database upgrade failed: " in said.err
    assert "waiting" not in said.out
