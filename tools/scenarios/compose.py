"""The faults for the stack in Docker, by Docker's own commands."""

import json
import os

from operations.compose import compose, docker, running
from tools.scenarios.fault import FILL, POISON, Fault, is_poison

# Of the publisher's volume: on the file system where Docker keeps everything.
_BALLAST = "/var/lib/arloji/audit/scenario-disk-fills"
# Of 100 000 µs: three hundredths of a core.
_SLOW_QUOTA, _NO_QUOTA = "3000", "-1"
_LOAD = ("--profile", "load")


def faults(rates: str) -> dict[str, Fault]:
    return {
        "mysql-slows-down": Fault(
            lambda: _limit_mysql(_SLOW_QUOTA), lambda: _limit_mysql(_NO_QUOTA)
        ),
        "consumer-dies": Fault(
            lambda: compose("stop", "--timeout", "0", "consumer"),
            lambda: compose("start", "consumer"),
        ),
        "cache-cold": Fault(
            lambda: compose("stop", "cache-redis"), lambda: compose("start", "cache-redis")
        ),
        "traffic-x10": Fault(
            lambda: _start_load(rates),
            lambda: compose(*_LOAD, "rm", "--stop", "--force", "load", "load-worker"),
        ),
        "poison-order": Fault(lambda: _python("publisher", "-c", POISON), _drop_poison),
        "disk-fills": Fault(
            lambda: print(_python("publisher", "-c", FILL, _BALLAST)),
            lambda: _python(
                "publisher", "-c", f"import pathlib; pathlib.Path({_BALLAST!r}).unlink(True)"
            ),
        ),
    }


def _limit_mysql(quota: str) -> None:
    docker("update", "--cpu-period", "100000", "--cpu-quota", quota, *running("mysql"))


def _start_load(rates: str) -> None:
    os.environ["LOAD_STEPS"] = rates
    compose(*_LOAD, "up", "--detach", "--no-deps", "load", "load-worker")


def _python(service: str, *arguments: str) -> str:
    return compose("exec", "--no-TTY", service, "python", *arguments)


def _drop_poison() -> None:
    command = ("-m", "services.consumer.dead_letters")
    found = json.loads(_python("consumer", *command, "show", "--all", "--json"))
    if ids := [one["id"] for one in found if is_poison(one)]:
        _python("consumer", *command, "drop", *ids)
