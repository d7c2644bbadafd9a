"""`python -m local`: the whole shop on this machine, until Ctrl-C."""

import argparse
import asyncio
import os
import sys

from local.child import Spawner
from local.console import configure_terminal, say
from local.launcher import Launcher
from local.layout import DataFolder, StartRefused, require_free, require_open_files
from local.plan import (
    SETTABLE,
    Plan,
    parse_override,
    require_compatible_queue,
    wants_own_telemetry,
)
from local.recovery import create_database, repair_queue, require_intact_database
from local.redis_program import RedisProgram, find_redis
from servicekit import TAKEN_VARIABLES
from servicekit.embedded import PORTS, InvalidRun, read_data_folder, read_ports
from servicekit.telemetry.environment import clean_variables


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SERVICE.NAME=VALUE",
        help=f"one service's environment; may be repeated; services: {', '.join(SETTABLE)}",
    )
    parser.add_argument(
        "--no-telemetry", action="store_true", help="start no receiver and export nothing"
    )
    parser.add_argument(
        "--stand-in",
        action="store_true",
        help="use the in-memory Redis even if there is a real one",
    )
    parser.add_argument(
        "--end-with-parent",
        type=int,
        metavar="PID",
        help="stop when this process, which started us, is gone (as `make run` does)",
    )
    options = parser.parse_args()
    try:
        return start(options)
    except (StartRefused, InvalidRun) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the launcher listens to signals
        return 130


def start(options: argparse.Namespace) -> int:
    configure_terminal()
    folder, ports = DataFolder(read_data_folder().absolute()), read_ports()
    os.umask(0o077)  # of every child too
    require_open_files()
    overrides = [parse_override(text) for text in options.set]
    telemetry_of_shell()
    telemetry = wants_own_telemetry() and not options.no_telemetry
    if options.no_telemetry:
        overrides.append(("all", "OTEL_SDK_DISABLED", "true"))  # whatever the shell exports
    folder.prepare()
    lock = folder.lock(lambda: say("arloji", "waiting for what a killed run left to end"))
    require_free(ports, PORTS if telemetry else [name for name in PORTS if name != "telemetry"])
    redis = None if options.stand_in else find_redis()
    require_intact_database(folder)
    create_database(folder)
    require_compatible_queue(folder, redis)
    if redis is not None:
        repair_queue(folder, redis, lambda line: say("queue-redis", line, "bad"))
    announce(redis)
    dependents_read, dependents_write = os.pipe()
    plan = Plan(folder, ports, redis, telemetry, overrides)
    spawner = Spawner(folder, lock, dependents_read, dependents_write)
    launcher = Launcher(plan, spawner, parent=options.end_with_parent)
    return asyncio.run(launcher.run())


def telemetry_of_shell() -> None:
    """Say once, instead of in each service, which variables cannot be honoured."""
    variables = dict(TAKEN_VARIABLES)
    if complaints := clean_variables(variables):
        say("telemetry", "; ".join(complaints), "bad")
    os.environ |= variables


def announce(redis: RedisProgram | None) -> None:
    if redis is not None:
        say("redis", f"using {redis}")
        return
    for line in (
        "NOT DURABLE: an in-memory stand-in takes the place of Redis. Orders that were accepted",
        "but not yet stored are LOST when it stops. A redis-server or valkey-server of version",
        "6.2 or newer on PATH keeps them.",
    ):
        say("redis", line, "bad")


if __name__ == "__main__":
    sys.exit(main())
