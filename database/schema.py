"""Brings a database to this version's schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Select, String, column, inspect, select, table, text

VERSION_TABLE = "alembic_version"
# One statement for all calls. Asked through Alembic, which makes its table anew each time,
# SQLAlchemy would compile and keep another one every two seconds.
_CURRENT_REVISION: Select[tuple[str]] = select(column("version_num", String)).select_from(
    table(VERSION_TABLE)
)
_LOCK = "arloji_migration"
_LOCK_SECONDS = 60


class MigrationBusy(Exception):
    """Another process has been migrating this database for too long."""


def _config(connection: Connection) -> Config:
    config = Config()
    # The option's parser has a meaning for a percent sign.
    folder = str(Path(__file__).parent / "migrations").replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> str:
    """Apply every missing migration and return the revision reached.

    Safe to start on several machines at once: MySQL by a named lock (its DDL commits by
    itself, so no transaction could protect it), SQLite by the write lock of its transaction.
    """
    with engine.connect() as connection:
        is_mysql = connection.dialect.name in {"mysql", "mariadb"}
        if is_mysql and not connection.scalar(
            text("SELECT GET_LOCK(:name, :seconds)"), {"name": _LOCK, "seconds": _LOCK_SECONDS}
        ):
            raise MigrationBusy(f"another migration has held its lock for {_LOCK_SECONDS} s")
        try:
            command.upgrade(_config(connection), "head")
            connection.commit()
            return current_revision(connection) or "none"
        finally:
            if is_mysql:
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": _LOCK})


def current_revision(connection: Connection) -> str | None:
    """None for a database that was never migrated."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.scalar(_CURRENT_REVISION)
    return revision


def newest_revision() -> str | None:
    """The revision that this version of the code expects."""
    return ScriptDirectory(str(Path(__file__).parent / "migrations")).get_current_head()


def known_revisions() -> set[str]:
    """Those that this version can bring to its own."""
    scripts = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    return {script.revision for script in scripts.walk_revisions()}
