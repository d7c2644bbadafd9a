"""The binary logs of a server, by the program that comes with it."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text

from housekeeping.backups.binary_logs.statements import concerning_tables
from housekeeping.backups.manifest import Kind
from housekeeping.backups.mysql import Server, client, connected, find_tool, load

_PROGRAMS = {Kind.MYSQL: ("mysqlbinlog",), Kind.MARIADB: ("mariadb-binlog", "mysqlbinlog")}


def list_logs(server: Server) -> dict[str, int]:
    """Name → bytes, the oldest first."""
    with connected(server.url) as connection:
        return {str(row[0]): int(row[1]) for row in connection.execute(text("SHOW BINARY LOGS"))}


def copy_logs(server: Server, first: str, folder: Path) -> None:
    """From this one to the one in use, each whole as far as it goes now, as the server wrote it
    and with the checksum of each event looked at."""
    tool = find_tool(server.kind, _PROGRAMS[server.kind])
    options = ["--read-from-remote-server", "--raw", "--to-last-log", "--verify-binlog-checksum"]
    with client(server.url, [tool.path], [*options, f"--result-file={folder}/", first]):
        pass


def replay_logs(server: Server, beside: str, schema: str, options: Sequence[str]) -> None:
    """Run what logs say of one schema, by these options of the program, in the one beside it."""
    tool = find_tool(server.kind, _PROGRAMS[server.kind])
    options = ["--verify-binlog-checksum", *options]
    if server.kind is Kind.MYSQL:
        # It is done anew, under numbers of this server.
        options = ["--skip-gtids", *options]
    with client(None, [tool.path], options) as process:
        assert process.stdout is not None
        load(server, beside, concerning_tables(process.stdout, schema))
