"""`python -m database accounts|upgrade|seed|rights|past-orders…`: MySQL's accounts, schema, first
data and rights on single tables, in the order given, each safe to repeat. `past-orders` invents
orders, for measuring how the shop grows."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from database.catalogue import create_catalogue
from database.past_orders import NoProducts, OrdersPresent, insert_past_orders
from database.rights import NoAccounts, create_accounts, grant_rights
from database.schema import MigrationBusy, upgrade
from database.seed import seed
from database.settings import DatabaseSettings
from servicekit.database.engine import create_database_engine, is_unavailable, ping
from servicekit.settings import InvalidSettings, read_settings

# A migration may rebuild a table: as long as it takes, up to an hour.
_STATEMENT_SECONDS = 3600
_TRY_EVERY_SECONDS, _SAY_EVERY_SECONDS = 1.0, 10.0
_PROGRESS_EVERY_SECONDS = 5.0


class _Progress:
    """A line every few seconds while something takes long, none if it does not."""

    def __init__(self, what: str, number: int) -> None:
        self._what, self._number, self._said = what, number, time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._said >= _PROGRESS_EVERY_SECONDS:
            self._said = now
            print(f"{done} of {self._number} {self._what}", flush=True)


def _seed(engine: Engine, options: argparse.Namespace) -> str:
    number = options.products
    return f"{seed(engine, number, _Progress('products', number))} products added"


def _insert_past_orders(engine: Engine, options: argparse.Namespace) -> str:
    number = options.orders
    return f"{insert_past_orders(engine, number, _Progress('orders', number))} orders added"


_COMMANDS: Mapping[str, Callable[[Engine, argparse.Namespace], str]] = {
    "accounts": lambda engine, _: (
        f"{create_accounts(engine, DatabaseSettings().database_accounts.get_secret_value())}"
        " accounts"
    ),
    "upgrade": lambda engine, _: f"database is at revision {upgrade(engine)}",
    "seed": _seed,
    "rights": lambda engine, _: f"rights on {grant_rights(engine)} tables",
    "past-orders": _insert_past_orders,
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
            print(_COMMANDS[command](engine, options), flush=True)
    except (SQLAlchemyError, MigrationBusy, NoAccounts, NoProducts, OrdersPresent) as error:
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
    parser.add_argument(
        "--products",
        type=_number,
        default=len(create_catalogue()),
        metavar="N",
        help="seed: so many, those past the catalogue being its variants",
    )
    parser.add_argument(
        "--orders", type=_number, default=0, metavar="N", help="past-orders: so many in all"
    )
    return parser.parse_intermixed_args(arguments)  # `seed --products 1000 past-orders`


def _number(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


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
