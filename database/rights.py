"""The MySQL accounts, and what the consumer's may do table by table. Both are an administrator's
work, on either side of the migration: it needs its account, and a grant on a table the table."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine

from servicekit.database import transaction

# The consumer takes stock and stores orders; prices, names and purged orders it may only read.
CONSUMER_RIGHTS: Mapping[str, str] = {
    "products": "SELECT, UPDATE (stock)",
    "orders": "SELECT, INSERT",
    "order_items": "SELECT, INSERT",
    "stock_ledger": "SELECT, INSERT",
    "purged_orders": "SELECT",
    "alembic_version": "SELECT",
}


class NoAccounts(Exception):
    """There is nothing to make accounts from."""


def bring_up_accounts(engine: Engine, accounts_sql: str) -> int:
    """Run `accounts_sql`, one statement a line with the passwords inside; returns how many."""
    statements = [line.strip().rstrip(";") for line in accounts_sql.splitlines() if line.strip()]
    if not statements:
        raise NoAccounts("set DATABASE_ACCOUNTS_FILE to a file of SQL statements")
    _run(engine, statements)
    return len(statements)


def grant_rights(engine: Engine) -> int:
    """Safe to repeat; returns how many tables that were."""
    _run(
        engine,
        [f"GRANT {what} ON {table} TO 'consumer'@'%'" for table, what in CONSUMER_RIGHTS.items()],
    )
    return len(CONSUMER_RIGHTS)


def _run(engine: Engine, statements: Sequence[str]) -> None:
    with transaction(engine) as connection:
        for statement in statements:
            # Bound parameters do not exist for account names; the text is ours.
            connection.exec_driver_sql(statement.replace("%", "%%"))
