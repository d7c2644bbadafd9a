"""`python -m housekeeping <command>`: work around the shop, one command each.

Exit codes: 0 all is well, 1 something was found that must be looked at, 2 the command could not
do its work.
"""

import argparse
import sys
from collections.abc import Sequence

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from housekeeping import reconcile
from housekeeping.failures import CouldNot
from housekeeping.purge_orders import command as purge_orders
from housekeeping.settings import HousekeepingSettings
from servicekit.settings import InvalidSettings, read_settings

# Each offers `add_arguments(parser)` and `run(options, settings) -> exit code`.
_COMMANDS = {"reconcile": reconcile, "purge-orders": purge_orders}
_COULD_NOT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m housekeeping", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in _COMMANDS.items():
        described = command.__doc__ or ""
        command.add_arguments(
            commands.add_parser(
                name,
                help=described.partition("\n\n")[0],
                description=described,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    options = parser.parse_args(arguments)
    try:
        code: int = _COMMANDS[options.command].run(options, read_settings(HousekeepingSettings))
    except (RedisError, SQLAlchemyError, OSError, CouldNot, reconcile.NoAuditFiles) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        print(f"{options.command} failed: {reason}", file=sys.stderr)
        return _COULD_NOT
    except InvalidSettings as error:
        print(f"{options.command} not started: {error}", file=sys.stderr)
        return _COULD_NOT
    return code


if __name__ == "__main__":
    sys.exit(main())
