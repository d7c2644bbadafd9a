"""A database server of a drill's own: in a temporary folder, reached by its socket alone, and gone
afterwards."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
from sqlalchemy import URL

from housekeeping.backups.manifest import Kind
from housekeeping.backups.mysql import find_program
from housekeeping.failures import CouldNot

_PROGRAMS = {Kind.MYSQL: ("mysqld",), Kind.MARIADB: ("mariadbd", "mysqld")}
_START_SECONDS = 120
_STOP_SECONDS = 60
_SCHEMA = "arloji"


@contextmanager
def scratch_server(kind: Kind, folder: Path) -> Iterator[URL]:
    """Its URL, with an empty schema. Raises `CouldNot`."""
    program = find_program(*_PROGRAMS[kind])
    if program is None:
        raise CouldNot(f"{' or '.join(_PROGRAMS[kind])} is not installed, and a drill needs one")
    address, log = folder / "s", folder / "server.log"
    command = [program, *_options(kind, folder), f"--socket={address}", "--skip-networking"]
    with log.open("ab") as output:
        _initialise(kind, program, folder, output.fileno())
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            _wait(process, address, log)
            yield URL.create(
                "mysql+pymysql",
                username="root",
                host="localhost",
                database=_SCHEMA,
                query={"unix_socket": str(address)},
            )
        finally:
            _stop(process)


def end_leftover(folder: Path) -> None:
    """End the server of a drill that was ended by force, if it still has this folder."""
    try:
        number = int((folder / "pid").read_text())
        command = Path(f"/proc/{number}/cmdline").read_bytes()
    except (OSError, ValueError):
        return
    if str(folder / "data").encode() in command:
        os.kill(number, signal.SIGKILL)


def _options(kind: Kind, folder: Path) -> list[str]:
    options = ["--no-defaults", f"--datadir={folder / 'data'}", f"--tmpdir={folder / 'tmp'}"]
    if os.geteuid() == 0:
        options.append("--user=root")
    if kind is Kind.MYSQL:
        options += ["--secure-file-priv=NULL", "--mysqlx=OFF"]
    # Nothing of it outlives the drill: no log that would bring it back after a crash.
    options += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M"]
    return [*options, "--skip-log-bin", f"--pid-file={folder / 'pid'}"]


def _initialise(kind: Kind, program: str, folder: Path, output: int) -> None:
    for name in ("data", "tmp"):
        (folder / name).mkdir()
    if kind is Kind.MYSQL:
        command = [program, *_options(kind, folder), "--initialize-insecure"]
    else:
        install = find_program("mariadb-install-db")
        if install is None:
            raise CouldNot("mariadb-install-db is not installed, and a drill needs it")
        command = [install, "--no-defaults", f"--datadir={folder / 'data'}"]
        command += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        command += [f"--tmpdir={folder / 'tmp'}"]
        if os.geteuid() == 0:
            command.append("--user=root")
    done = subprocess.run(command, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise CouldNot(f"no database could be made for the drill: {_last(folder / 'server.log')}")


def _wait(process: "subprocess.Popen[bytes]", address: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _listens(address):
        if process.poll() is not None or time.monotonic() > deadline:
            raise CouldNot(f"the drill's server does not start: {_last(log)}")
        time.sleep(0.1)
    with pymysql.connect(unix_socket=str(address), user="root") as connection:
        connection.cursor().execute(
            f"CREATE DATABASE {_SCHEMA} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        )


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    errors = [line for line in lines if "ERROR" in line]
    return (errors or lines or ["it gives no reason"])[-1]
