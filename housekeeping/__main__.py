"""`python -m housekeeping <command>`: work around the shop, one command each.

Exit codes: 0 all is well, 1 something was found that must be looked at, 2 the command could not
do its work.
"""

import argparse
import errno
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from housekeeping import reconcile
from housekeeping.backups import create, drill, purge, restore, status, verify
from housekeeping.backups.binary_logs import archive as archive_logs
from housekeeping.failures import CouldNot
from housekeeping.measurements import record_run, write_textfile
from housekeeping.purge_audit import command as purge_audit
from housekeeping.purge_orders import command as purge_orders
from housekeeping.rotate_logs import command as rotate_logs
from housekeeping.schedule import command as schedule
from housekeeping.settings import HousekeepingSettings
from servicekit.settings import InvalidSettings, read_settings
from servicekit.telemetry.tracing import tracer

# Each offers `add_arguments(parser)` and `run(options, settings) -> exit code`.
_COMMANDS = {
    "backup": create,
    "verify": verify,
    "restore": restore,
    "drill": drill,
    "purge-backups": purge,
    "status": status,
    "archive-logs": archive_logs,
    "reconcile": reconcile,
    "purge-orders": purge_orders,
    "purge-audit": purge_audit,
    "rotate-logs": rotate_logs,
    "schedule": schedule,
}
_COULD_NOT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m housekeeping", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in _COMMANDS.items():
        described = command.__doc__ or ""
        command_parser = commands.add_parser(
            name,
            help=described.partition("\n\n")[0],
            description=described,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(command_parser)
        command_parser.add_argument(
            "--textfile",
            type=Path,
            metavar="FILE",
            help="leave the run's metrics here, for node-exporter, where there is no network",
        )
    options = parser.parse_args(arguments)
    try:
        settings = read_settings(HousekeepingSettings)
    except InvalidSettings as error:
        print(f"{options.command} not started: {error}", file=sys.stderr)
        return _COULD_NOT
    with tracer().start_as_current_span(f"housekeeping {options.command}"):
        return _run(options, settings)


def _run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    began, code, reason = time.monotonic(), _COULD_NOT, ""
    try:
        code = _COMMANDS[options.command].run(options, settings)
    except (CouldNot, RedisError, SQLAlchemyError, OSError, reconcile.NoAuditFiles) as error:
        reason = _explain(error)
        print(f"{options.command} failed: {reason}", file=sys.stderr)
    finally:
        if not getattr(options, "dry_run", False):
            record_run(options, code, time.monotonic() - began, reason)
            if options.textfile:
                _leave_metrics(options.textfile)
    return code


def _leave_metrics(path: Path) -> None:
    """The work is done all the same; that nothing is heard of it has an alert."""
    try:
        write_textfile(path)
    except OSError as error:
        print(f"metrics of this run are not in {path}: {error.strerror}", file=sys.stderr)


def _explain(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full, and nothing that was there is lost: free some room and repeat"
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return (
            f"nothing can be written to {error.filename}, which is read-only: backups can be copied"
            " elsewhere, and verified and restored from there (BACKUP_DIRECTORY)"
        )
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _main_with_telemetry() -> int:
    from servicekit.telemetry.setup import configure_telemetry

    telemetry = configure_telemetry("housekeeping", is_job=True)
    try:
        return main()
    finally:
        telemetry.shutdown()


if __name__ == "__main__":
    sys.exit(_main_with_telemetry())
