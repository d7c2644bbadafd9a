"""Dumps of MySQL and MariaDB, taken and loaded by the clients that come with each server."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import URL, Connection, text

from housekeeping.backups.manifest import Kind
from housekeeping.backups.streams import CHUNK
from housekeeping.failures import CouldNot
from housekeeping.secret_files import secret_file
from servicekit.database.engine import create_database_engine

_STATEMENT_SECONDS = 60
# The snapshot of one transaction, so that nobody waits; rows are streamed and come in the order
# of their keys, so that the same rows are the same text.
_OPTIONS = (
    *("--single-transaction", "--quick", "--order-by-primary", "--skip-add-locks"),
    *("--hex-blob", "--no-tablespaces"),
)
_PROGRAMS = ("--triggers", "--routines", "--events")
_DUMP_PROGRAMS = {Kind.MYSQL: ("mysqldump",), Kind.MARIADB: ("mariadb-dump", "mysqldump")}
_CLIENT_PROGRAMS = {Kind.MYSQL: ("mysql",), Kind.MARIADB: ("mariadb", "mysql")}
_FOLDERS = os.pathsep.join((os.defpath, "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"))


@dataclass(frozen=True)
class Server:
    url: URL
    kind: Kind
    version: str
    has_binary_log: bool


def find_server(url: URL) -> Server:
    with connected(url) as connection:
        version, log = connection.execute(text("SELECT VERSION(), @@log_bin")).one()
    kind = Kind.MARIADB if "mariadb" in str(version).lower() else Kind.MYSQL
    return Server(url, kind, str(version), bool(log))


@contextmanager
def connected(url: URL) -> Iterator[Connection]:
    engine = create_database_engine(
        url.render_as_string(hide_password=False),
        read_only=True,
        connections=1,
        statement_seconds=_STATEMENT_SECONDS,
    )
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@dataclass(frozen=True)
class Tool:
    path: str
    version: str


def find_dump_tool(kind: Kind) -> Tool:
    return find_tool(kind, _DUMP_PROGRAMS[kind])


def dump(server: Server, tool: Tool, database: str) -> Iterator[bytes]:
    """The text of one schema, without its name. Raises `CouldNot` at the end if the tool failed."""
    options = [*_OPTIONS, *_PROGRAMS]
    if server.has_binary_log:
        # As a remark: where the log goes on after this dump. For this alone all tables are locked
        # for the moment in which the transaction begins.
        mysql = server.kind is Kind.MYSQL
        options.append("--source-data=2" if mysql else "--master-data=2")
    return _stream(server, tool, [*options, database])


def dump_tables(server: Server, tool: Tool, database: str) -> Iterator[bytes]:
    """The same without what needs more rights than reading tables."""
    return _stream(server, tool, [*_OPTIONS, "--skip-triggers", database])


def _stream(server: Server, tool: Tool, options: list[str]) -> Iterator[bytes]:
    if server.kind is Kind.MYSQL:
        options = ["--set-gtid-purged=OFF", *options]
    with client(server.url, [tool.path], options) as process:
        assert process.stdout is not None
        while chunk := process.stdout.read(CHUNK):
            yield chunk


def load(server: Server, database: str, content: Iterable[bytes]) -> None:
    """Run a dump in this schema; ends with the first statement that fails."""
    tool = find_tool(server.kind, _CLIENT_PROGRAMS[server.kind])
    with client(server.url, [tool.path], ["--binary-mode", database], takes=True) as process:
        assert process.stdin is not None
        try:
            for chunk in content:
                process.stdin.write(chunk)
            process.stdin.close()
        except BrokenPipeError:
            pass  # its own complaint says why


@contextmanager
def client(
    url: URL | None, program: list[str], options: list[str], *, takes: bool = False
) -> Iterator["subprocess.Popen[bytes]"]:
    """A client with the address and the password of this URL, by an option file in memory. It
    takes times for UTC."""
    with (
        tempfile.TemporaryFile() as complaints,
        secret_file(_option_file(url) if url else "") as (file, number),
    ):
        process = subprocess.Popen(
            ["env", "TZ=UTC", *program, f"--defaults-file={file}", *options],
            stdin=subprocess.PIPE if takes else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if takes else subprocess.PIPE,
            stderr=complaints,
            pass_fds=[number],
        )
        try:
            yield process
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None and not pipe.closed:
                    with suppress(BrokenPipeError):
                        pipe.close()
        if process.wait():
            complaints.seek(0)
            raise CouldNot(_explain(program[0], complaints.read()))


def _explain(program: str, complaints: bytes) -> str:
    lines = [
        line.strip()
        for line in complaints.decode(errors="replace").splitlines()
        if line.strip() and "[Warning]" not in line and "Warning:" not in line
    ]
    reason = lines[-1] if lines else "it gives no reason"
    return f"{os.path.basename(program)} failed: {reason.removeprefix('mysqldump: ')}"


def _option_file(url: URL) -> str:
    socket = url.query.get("unix_socket")
    address = {"socket": socket} if socket else {"host": url.host, "port": url.port or 3306}
    options = {"user": url.username, "password": url.password, **address}
    if not socket:
        # Names like localhost would be taken for a socket.
        options["protocol"] = "tcp"
    # Of the programs for logs none knows it.
    options["loose-default-character-set"] = "utf8mb4"
    lines = [
        f"{name}={_quoted(str(value))}" for name, value in options.items() if value is not None
    ]
    return "[client]\n" + "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def find_program(*names: str) -> str | None:
    path = os.pathsep.join(filter(None, (_search_path(), _FOLDERS)))
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def _search_path() -> str:
    # As which() has it without a path of ours.
    return os.pathsep.join(os.get_exec_path())


def find_tool(kind: Kind, names: tuple[str, ...]) -> Tool:
    """Each server's own: the other's tool asks questions that it does not understand."""
    path = find_program(*names)
    if path is None:
        raise CouldNot(f"{' or '.join(names)} is not installed: install the client of {kind}")
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    if ("mariadb" in said.lower()) != (kind is Kind.MARIADB):
        raise CouldNot(f"{path} is not the client of {kind}, which the server is: install it")
    version = re.sub(r"\s+", " ", said.partition(" ")[2]).strip()
    return Tool(path, f"{os.path.basename(path)} {version}")
