"""`python -m database upgrade|seed`: schema and first data, each safe to repeat."""

import argparse
import sys

from sqlalchemy.exc import SQLAlchemyError

from database.schema import MigrationBusy, upgrade
from database.seed import seed
from database.settings import DatabaseSettings
from servicekit.database import create_database_engine

# A migration may rebuild a table: as long as it takes, up to an hour.
_STATEMENT_SECONDS = 3600


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m database", description=__doc__)
    parser.add_argument("command", choices=["upgrade", "seed"])
    command = parser.parse_args().command
    engine = create_database_engine(
        DatabaseSettings().database_url,
        read_only=False,
        connections=1,
        statement_seconds=_STATEMENT_SECONDS,
    )
    try:
        if command == "upgrade":
            print(f"database is at revision {upgrade(engine)}")
        else:
            print(f"{seed(engine)} products added")
    except (SQLAlchemyError, MigrationBusy) as error:
        reason = getattr(error, "orig", None) or error
        print(f"database {command} failed: {reason}", file=sys.stderr)
        return 1
    finally:
        engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
