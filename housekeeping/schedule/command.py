"""Run housekeeping by the clock, until it is stopped.

The work is supercronic's (https://github.com/aptible/supercronic), which this command becomes: a
cron for containers. Without a command it runs backups and what follows them, drills, purges and
`reconcile`; with one, such as `rotate-logs nginx /var/log/arloji`, that one alone. A run that
takes longer than its interval is not joined by the next one. A SIGTERM starts nothing more and
waits for what runs; that may also be killed, and its next run goes on from there. Times are
BACKUP_SCHEDULE and the like; `--dry-run` shows them.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping

from housekeeping.failures import CouldNot
from housekeeping.schedule.settings import ScheduleSettings
from housekeeping.settings import HousekeepingSettings
from servicekit.settings import InvalidSettings, read_settings

# One after the other, as long as all is well.
_JOBS: Mapping[str, tuple[str, ...]] = {
    "backup": ("backup", "purge-backups"),
    "archive-logs": ("archive-logs",),
    "drill": ("drill",),
    "purge-audit": ("purge-audit",),
    "purge-orders": ("purge-orders",),
    "reconcile": ("reconcile",),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show the crontab, run nothing")
    parser.add_argument(
        "only",
        nargs=argparse.REMAINDER,
        metavar="COMMAND …",
        help="this one alone, with its arguments",
    )


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    try:
        times = read_settings(ScheduleSettings)
    except InvalidSettings as error:
        raise CouldNot(str(error)) from None
    lines = _lines(times, options.only)
    crontab = "".join(f"{line}\n" for line in ("CRON_TZ=UTC", *lines.values()))
    if options.dry_run:
        print(crontab, end="")
        return 0
    program = shutil.which("supercronic")
    if program is None:
        raise CouldNot(
            "there is no supercronic here: it is in the image `arloji/housekeeping`; elsewhere let"
            " cron or systemd run what `schedule --dry-run` shows"
        )
    path = _in_memory(crontab)
    _check(program, path, lines)
    # Zombies are for the first process of the container, which supercronic is not.
    os.execv(program, [program, "-json", "-no-reap", path])
    return 0  # never


def _lines(times: ScheduleSettings, only: list[str]) -> dict[str, str]:
    """Variable → its line."""
    jobs: Mapping[str, tuple[str, ...]] = {only[0]: (shlex.join(only),)} if only else _JOBS
    program = f"{shlex.quote(sys.executable)} -m housekeeping"
    found = {}
    for name, commands in jobs.items():
        field = f"{name.replace('-', '_')}_schedule"
        if field not in ScheduleSettings.model_fields:
            raise CouldNot(f"`{name}` has no time at which it would run")
        time: str = getattr(times, field)
        if time.lower() != "off":
            line = " && ".join(f"{program} {command}" for command in commands)
            found[field.upper()] = f"{time} {line}"
    return found


def _in_memory(crontab: str) -> str:
    """As a file that the program after this one can open: whatever is read-only here, and nothing
    is left behind."""
    descriptor = os.memfd_create("crontab", 0)
    os.set_inheritable(descriptor, True)
    os.write(descriptor, crontab.encode())
    return f"/dev/fd/{descriptor}"


def _check(program: str, path: str, lines: Mapping[str, str]) -> None:
    descriptor = int(path.rpartition("/")[2])
    done = subprocess.run(
        [program, "-json", "-test", path],
        capture_output=True,
        text=True,
        check=False,
        pass_fds=[descriptor],
    )
    if done.returncode == 0:
        return
    said = json.loads(done.stderr.splitlines()[-1])["msg"]
    for variable, line in lines.items():
        if line in said:
            time = line.partition(f" {shlex.quote(sys.executable)} ")[0]
            raise CouldNot(f"{variable}: '{time}' is no time of a crontab")
    raise CouldNot(f"supercronic says: {said}")
