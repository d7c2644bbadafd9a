"""`python -m database accounts|upgrade|seed|rights…`: MySQL's accounts, schema, first data and
rights on single tables, in the order given, each safe to repeat."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from database.rights import NoAccounts, create_accounts, grant_rights
from database.schema import MigrationBusy, upgrade
from database.seed import seed
from database.settings import DatabaseSettings
from servicekit.database.engine import create_database_engine, is_unavailable, ping
from servicekit.settings import InvalidSettings, read_settings

# A migration may rebuild a table: as long as it takes, up to an hour.
_STATEMENT_SECONDS = 3600
_TRY_EVERY_SECONDS, _SAY_EVERY_SECONDS = 1.0, 10.0
_COMMANDS: Mapping[str, Callable[[Engine], str]] = {
    "accounts": lambda engine: (
        f"{create_accounts(engine, DatabaseSettings().database_accounts.get_secret_value())}"
        " accounts"
    ),
    "upgrade": lambda engine: f"database is at revision {upgrade(engine)}",
    "seed": lambda engine: f"{seed(engine)} products added",
    "rights": lambda engine: f"rights on {grant_rights(engine)} tables",
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_options(arguments)
    try:
        settings = read_settings(DatabaseSettings)
    except InvalidSettings as error:
        print(f"not started: {error}", file=sys.stderr)
        return 2
    engine = create_database_engine(
        settings.database_url,
        read_only=False,
        connections=1,
        statement_seconds=_STATEMENT_SECONDS,
    )
    command = "--wait"
    try:
        wait_until_reached(engine, options.wait)
        for command in options.commands:
            print(_COMMANDS[command](engine), flush=True)
    except (SQLAlchemyError, MigrationBusy, NoAccounts) as error:
        reason = getattr(error, "orig", None) or error
        print(f"database {command} failed: {reason}", file=sys.stderr)
        return 1
    finally:
        engine.dispose()
    return 0


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m database", description=__doc__)
    parser.add_argument("commands", nargs="+", choices=_COMMANDS, metavar="|".join(_COMMANDS))
    parser.add_argument(
        "--wait",
        type=float,
        default=0,
        metavar="SECONDS",
        help="for so long at most wait for a database that does not answer, or not to this user",
    )
    return parser.parse_args(arguments)


def wait_until_reached(engine: Engine, seconds: float) -> None:
    """Raises what the last try met. A stranger is told the same by a server that is about to make
    his account, and by one that never will: both are waited for."""
    began = said = time.monotonic()
    while seconds:
        try:
            ping(engine)
        except DBAPIError as error:
            now = time.monotonic()
            if not is_unavailable(error) or now - began + _TRY_EVERY_SECONDS > seconds:
                raise
            if now - said >= _SAY_EVERY_SECONDS:
                said = now
                print(f"waiting for the database: {error.orig}", flush=True)
            time.sleep(_TRY_EVERY_SECONDS)
        else:
            return


if __name__ == "__main__":
    sys.exit(main())
