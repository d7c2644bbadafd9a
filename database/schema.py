"""Brings a database to this version's schema."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from database.revision import MIGRATIONS, current_revision

_LOCK = "arloji_migration"
_LOCK_SECONDS = 60


class MigrationBusy(Exception):
    """Another process has been migrating this database for too long."""


def _config(connection: Connection) -> Config:
    config = Config()
    # The option's parser has a meaning for a percent sign.
    folder = str(MIGRATIONS).replace("%", "%%")
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


def known_revisions() -> set[str]:
    """Those that this version can bring to its own."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    return {script.revision for script in scripts.walk_revisions()}
