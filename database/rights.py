"""The MySQL accounts and what the consumer's may do, table by table. A grant on a table needs the
table, so these follow the migration."""

from collections.abc import Mapping

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


def grant_rights(engine: Engine, accounts_sql: str) -> int:
    """Bring the accounts up to `accounts_sql` (one statement a line, passwords inside) and grant
    the consumer its rights; returns how many statements that were. Safe to repeat."""
    statements = [line.rstrip(";") for line in accounts_sql.splitlines() if line.strip()]
    statements += [
        f"GRANT {rights} ON {table} TO 'consumer'@'%'" for table, rights in CONSUMER_RIGHTS.items()
    ]
    with transaction(engine) as connection:
        for statement in statements:
            # Bound parameters do not exist for account names; the text is ours.
            connection.exec_driver_sql(statement.replace("%", "%%"))
    return len(statements)
