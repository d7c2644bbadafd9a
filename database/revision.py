"""Which revision of the schema a database has, and which one this version expects: what a service
asks. Alembic, which migrates, is not loaded for it."""

from pathlib import Path

from sqlalchemy import Connection, Select, String, column, inspect, select, table

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"
# One statement for all calls. Asked through Alembic, which makes its table anew each time,
# SQLAlchemy would compile and keep another one every two seconds.
_CURRENT_REVISION: Select[tuple[str]] = select(column("version_num", String)).select_from(
    table(VERSION_TABLE)
)


def current_revision(connection: Connection) -> str | None:
    """None for a database that was never migrated."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.scalar(_CURRENT_REVISION)
    return revision


def newest_revision() -> str:
    """The one that this version of the code expects: its migrations are numbered in their order,
    and a file's name begins with its number."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*_*.py"))
