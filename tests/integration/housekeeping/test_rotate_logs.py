"""Rotation under load, with the real writers: each line that was written is there once."""

import http.client
import json
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql
import pytest
from redis import Redis

from housekeeping.__main__ import main
from housekeeping.rotate_logs import command
from tests.log_writers import load, nginx, watching
from tests.servers import MySqlServer, RedisServer, find_program, running
from tests.waiting import eventually

DAY = 86400


@pytest.fixture(autouse=True)
def _needs_its_tools() -> None:
    for name in ("logrotate", "zstd"):
        find_program(name)


@pytest.fixture
def rotate(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    def run(*arguments: object, code: int = 0) -> Any:
        capsys.readouterr()
        ended = main(["rotate-logs", *map(str, arguments), "--json"])
        printed = capsys.readouterr()
        assert ended == code, printed
        return printed.err if code else json.loads(printed.out)

    return run


def lines_of(folder: Path, name: str) -> list[str]:
    """Of all files that this log became; what is compressed is read as an operator does."""
    text = ""
    for path in folder.glob(f"{name}*"):
        if path.suffix == ".zst":
            text += subprocess.check_output(["zstd", "-dcq", path], text=True)
        else:
            text += path.read_text()
    return text.splitlines()


def rotate_under_load(
    rotate: Callable[..., Any], ask: Callable[[int, int], None], writer: str, folder: Path
) -> set[str]:
    """Five turns, each after the writer has gone on in new files; the marks that must be in the
    logs now."""
    names = re.findall(r"@FOLDER@/(\S+)", (command._HERE / f"{writer}.conf").read_text())
    with load(ask) as asked:
        for _ in range(5):
            rotate(writer, folder, "--force")
            eventually(lambda: all((folder / name).exists() for name in names))
            before = asked.total()
            eventually(asked.total, lambda total, before=before: total > before + 20)
    return {f"mark-{writer}-{n}-" for writer, count in asked.items() for n in range(count)}


def test_nginx_loses_no_line(tmp_path: Path, rotate: Callable[..., Any]) -> None:
    with nginx(tmp_path) as port:
        clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(3)]

        def ask(writer: int, n: int) -> None:
            clients[writer].request("GET", f"/mark-{writer}-{n}-")
            clients[writer].getresponse().read()

        marks = rotate_under_load(rotate, ask, "nginx", tmp_path)
        for client in clients:
            client.close()
        assert len(marks) > 100
        # Written each second.
        lines = eventually(
            lambda: lines_of(tmp_path, "access.log"), lambda lines: len(lines) >= len(marks)
        )
    found = Counter(json.loads(line)["url.path"].removeprefix("/") for line in lines)
    assert found == dict.fromkeys(marks, 1)
    names = {path.name for path in tmp_path.glob("access.log*")}
    assert names == {"access.log", "access.log.1", *(f"access.log.{n}.zst" for n in range(2, 6))}


def test_redis_loses_no_line(tmp_path: Path, rotate: Callable[..., Any]) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    options = ["--logfile", str(logs / "redis.log"), "--enable-debug-command", "yes"]
    with running(server := RedisServer(tmp_path, durable=False, options=options)):
        clients: list[Any] = [Redis.from_url(server.url) for _ in range(3)]

        def ask(writer: int, n: int) -> None:
            clients[writer].execute_command("DEBUG", "LOG", f"mark-{writer}-{n}-")

        marks = rotate_under_load(rotate, ask, "redis", logs)
        for client in clients:
            client.close()
    lines = [line for line in lines_of(logs, "redis.log") if "mark-" in line]
    found = Counter(line[line.index("mark-") :].split()[0] for line in lines)
    assert found == dict.fromkeys(marks, 1)


def test_mysql_loses_no_line(tmp_path: Path, rotate: Callable[..., Any]) -> None:
    """MySQL by SIGUSR1 (in tests/compose); MariaDB knows SIGHUP alone."""
    logs = tmp_path / "logs"
    logs.mkdir()
    server = MySqlServer(tmp_path)
    plain = [*server.command, f"--log-error={logs / 'error.log'}"]
    server.command = watching("stores/mysql-start.sh", logs, plain)
    if "mariadb" in plain[0]:
        server.command[-1] = server.command[-1].replace("-USR1", "-HUP")
    with running(server):
        server.execute(
            "SET GLOBAL log_output = 'FILE'",
            f"SET GLOBAL slow_query_log_file = '{logs / 'slow.log'}'",
            "SET GLOBAL long_query_time = 0",
            "SET GLOBAL slow_query_log = ON",
        )
        clients = [
            pymysql.connect(host="127.0.0.1", port=server.port, user="root") for _ in range(3)
        ]

        def ask(writer: int, n: int) -> None:
            clients[writer].cursor().execute(f"SELECT 'mark-{writer}-{n}-'")

        marks = rotate_under_load(rotate, ask, "mysql", logs)
        for client in clients:
            client.close()
    lines = [line for line in lines_of(logs, "slow.log") if line.startswith("SELECT 'mark-")]
    found = Counter(line.split("'")[1] for line in lines)
    assert found == dict.fromkeys(marks, 1)


def test_a_log_is_rotated_once_a_day_or_when_it_is_large(
    tmp_path: Path, rotate: Callable[..., Any]
) -> None:
    log = tmp_path / "redis.log"
    log.write_text("one\n")
    # The first look only notes the day.
    assert rotate("redis", tmp_path)["files"] == 1
    assert rotate("redis", tmp_path)["files"] == 1
    state = tmp_path / command._STATE
    yesterday = time.strftime("%Y-%-m-%-d-%H:0:0", time.localtime(time.time() - 2 * DAY))
    state.write_text(f'logrotate state -- version 2\n"{log}" {yesterday}\n')
    assert rotate("redis", tmp_path)["files"] == 1  # .1 alone: its writer makes the new one
    assert (tmp_path / "redis.log.1").read_text() == "one\n"
    log.touch()
    os.truncate(log, 257 << 20)
    result = rotate("redis", tmp_path)
    assert (result["files"], result["compressed_files"]) == (2, 1)
    assert (tmp_path / "redis.log.1").stat().st_size == 257 << 20
    assert lines_of(tmp_path, "redis.log.2") == ["one"]


def test_what_is_older_than_90_days_is_gone_and_nothing_else(
    tmp_path: Path, rotate: Callable[..., Any]
) -> None:
    """Of the last 95 days, also of a log to which nothing is written any more."""
    (tmp_path / "foreign.txt").write_text("stays")
    for name in ("access.log", "error.log"):
        (tmp_path / name).touch()
        for age in range(1, 96):
            path = tmp_path / (f"{name}.{age}" if age == 1 else f"{name}.{age}.zst")
            path.write_bytes(b"old")
            # A minute less than whole days, which are those of the age.
            os.utime(path, (time.time() - age * DAY + 60,) * 2)
    (tmp_path / "foreign.txt").touch()
    os.utime(tmp_path / "foreign.txt", (0, 0))
    result = rotate("nginx", tmp_path, "--force")
    # Twice those of 91 to 95 days; `.1` of three bytes is 16 when compressed.
    assert (result["removed_files"], result["freed"]) == (2 * 5, 2 * (5 * 3 + 3 - 16))
    for name in ("access.log", "error.log"):
        ages = {
            round((time.time() - path.stat().st_mtime) / DAY) for path in tmp_path.glob(f"{name}.*")
        }
        assert ages == set(range(91))
    assert (tmp_path / "foreign.txt").read_text() == "stays"


def test_a_dry_run_changes_nothing(tmp_path: Path, rotate: Callable[..., Any]) -> None:
    (tmp_path / "redis.log").write_text("one\n")
    assert rotate("redis", tmp_path, "--dry-run", "--force")["dry_run"] is True
    assert (tmp_path / "redis.log").read_text() == "one\n"
    assert list(tmp_path.glob("redis.log.*")) == []


def test_what_cannot_be_done_is_said(
    tmp_path: Path, rotate: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "is not there" in rotate("redis", tmp_path / "missing", code=2)
    monkeypatch.setattr(command.shutil, "which", lambda *_, **__: None)
    assert "there is no logrotate" in rotate("redis", tmp_path, code=2)
