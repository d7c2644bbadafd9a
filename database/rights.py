"""The MySQL accounts, and what each may do table by table. Both are an administrator's work, on
either side of the migration: it needs its account, and a grant on a table the table."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from servicekit.database.engine import create_database_engine, ping, transaction

# User → table → privilege → its columns, () for all of them.
TABLE_RIGHTS: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]] = {
    # What it shows: a customer's name, e-mail and address are not among it.
    "service_http": {
        "products": {"SELECT": ()},
        "product_words": {"SELECT": ()},
        "catalogue_counts": {"SELECT": ()},
        "orders": {
            "SELECT": ("order_id", "guest_id", "status", "reason", "total_idr", "accepted_at")
        },
        "order_items": {"SELECT": ()},
        "alembic_version": {"SELECT": ()},
    },
    # It takes stock and stores orders; prices, names and purged orders it may only read.
    "consumer": {
        "products": {"SELECT": (), "UPDATE": ("stock",)},
        "orders": {"SELECT": (), "INSERT": ()},
        "order_items": {"SELECT": (), "INSERT": ()},
        "stock_ledger": {"SELECT": (), "INSERT": ()},
        "purged_orders": {"SELECT": ()},
        "alembic_version": {"SELECT": ()},
    },
    # `reconcile` asks which orders there are, `purge-orders` takes them out: all that it archives
    # it may read, which is nothing of a customer, and no table but the ledger does it write anew.
    "housekeeping": {
        "orders": {
            "SELECT": (
                *("order_id", "fingerprint", "status", "reason", "total_idr"),
                *("accepted_at", "stored_at"),
            ),
            "DELETE": (),
        },
        "order_items": {"SELECT": (), "DELETE": ()},
        "stock_ledger": {
            "SELECT": ("entry_id", "product_id", "order_id", "change", "reason"),
            "INSERT": (),
            "DELETE": (),
        },
        "purged_orders": {"SELECT": ("order_id",), "INSERT": ()},
    },
}
_LOGIN_SECONDS = 10
_ACCESS_DENIED = 1045


class NoAccounts(Exception):
    """There is nothing to make accounts from."""


@dataclass(frozen=True)
class Right:
    """`on` is a table of this database, a schema or everything, as GRANT spells it."""

    privilege: str
    on: str
    column: str = ""

    def __str__(self) -> str:
        columns = f" (`{self.column}`)" if self.column else ""
        return f"{self.privilege}{columns} ON {self.on}"


def create_accounts(engine: Engine, accounts: str) -> int:
    """Make each account and grant what it may do beyond single tables; returns how many accounts.

    `accounts` is JSON: user → `passwords`, the newest first, and `grants`. Safe to repeat: the
    password before the newest stays valid until there is a newer one, however often this runs.
    """
    known = json.loads(accounts) if accounts.strip() else {}
    if not known:
        raise NoAccounts("set DATABASE_ACCOUNTS_FILE to a file of accounts")
    with transaction(engine) as connection:
        for user, account in known.items():
            _set_password(connection, user, account["passwords"])
            for grant in account["grants"]:
                _run(connection, f"GRANT {grant} TO {_account(user)}")
    return len(known)


def _set_password(connection: Connection, user: str, passwords: Sequence[str]) -> None:
    newest, *earlier = passwords
    oldest = passwords[-1]
    _run(connection, f"CREATE USER IF NOT EXISTS {_account(user)} IDENTIFIED BY '{oldest}'")
    # Set only if it is not: RETAIN keeps the one that is current, which would be the newest again,
    # and shut out whoever still uses the one before.
    if not _can_log_in(connection.engine, user, newest):
        retain = " RETAIN CURRENT PASSWORD" if earlier else ""
        _run(connection, f"ALTER USER {_account(user)} IDENTIFIED BY '{newest}'{retain}")


def _can_log_in(engine: Engine, user: str, password: str) -> bool:
    guest = create_database_engine(
        engine.url.set(username=user, password=password, database="").render_as_string(
            hide_password=False
        ),
        read_only=True,
        connections=1,
        statement_seconds=_LOGIN_SECONDS,
    )
    try:
        ping(guest)
    except OperationalError as error:
        if getattr(error.orig, "args", ())[:1] == (_ACCESS_DENIED,):
            return False
        raise
    finally:
        guest.dispose()
    return True


def grant_rights(engine: Engine) -> int:
    """Give each user of `TABLE_RIGHTS` these rights and take every other one away, such as those
    that an older version gave. Safe to repeat; returns how many tables that were."""
    with transaction(engine) as connection:
        for user in TABLE_RIGHTS:
            wanted = set(_wanted(connection, user))
            # First the new ones: at no moment may a running service do less than it has to.
            for right in sorted(wanted, key=str):
                _run(connection, f"GRANT {right} TO {_account(user)}")
            for right in sorted(set(_granted(connection, user)) - wanted, key=str):
                _run(connection, f"REVOKE {right} FROM {_account(user)}")
    return sum(map(len, TABLE_RIGHTS.values()))


def _wanted(connection: Connection, user: str) -> Iterator[Right]:
    schema = connection.scalar(text("SELECT DATABASE()"))
    for table, privileges in TABLE_RIGHTS[user].items():
        for privilege, columns in privileges.items():
            for column in columns or ("",):
                yield Right(privilege, f"`{schema}`.`{table}`", column)


def _granted(connection: Connection, user: str) -> Iterator[Right]:
    """All that the account may do, on whatever level it was granted."""
    for source, on, column in (
        ("user_privileges", "'*.*'", "''"),
        ("schema_privileges", "concat('`', table_schema, '`.*')", "''"),
        ("table_privileges", "concat('`', table_schema, '`.`', table_name, '`')", "''"),
        ("column_privileges", "concat('`', table_schema, '`.`', table_name, '`')", "column_name"),
    ):
        statement = text(
            f"SELECT privilege_type, {on}, {column} FROM information_schema.{source}"
            " WHERE grantee = :account AND privilege_type <> 'USAGE'"
        )
        for row in connection.execute(statement, {"account": _account(user)}):
            yield Right(*row)


def _account(user: str) -> str:
    return f"'{user}'@'%'"


def _run(connection: Connection, statement: str) -> None:
    # Bound parameters do not exist for account names; the text is ours.
    connection.exec_driver_sql(statement.replace("%", "%%"))
