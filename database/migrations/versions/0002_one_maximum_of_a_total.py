"""No maximum of an order's total here: what a guest may expect has one, in `contracts`, and a
total above this table's smaller one was accepted and could not be stored."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OLD = "CONSTRAINT ck_orders_total_plausible CHECK (total_idr >= 0 AND total_idr <= 1000000000000)"
NEW = "CONSTRAINT ck_orders_total_not_negative CHECK (total_idr >= 0)"


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        rewrite_in_place()
    else:
        op.execute(f"ALTER TABLE orders DROP CONSTRAINT ck_orders_total_plausible, ADD {NEW}")


def rewrite_in_place() -> None:
    """SQLite has no ALTER for a CHECK. By its documentation ("Making Other Kinds Of Table Schema
    Changes") one that does not touch what is stored may be rewritten where it is written down;
    the other way, to copy the table, would have to let go of the foreign keys to it."""
    connection = op.get_bind()
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    op.execute("PRAGMA writable_schema=ON")
    changed = connection.execute(
        sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :old, :new)"
            " WHERE type = 'table' AND name = 'orders' AND instr(sql, :old) > 0"
        ),
        {"old": OLD, "new": NEW},
    )
    if changed.rowcount != 1:
        raise RuntimeError("the table of orders is not as its first migration made it")
    op.execute(f"PRAGMA schema_version={version + 1}")
    op.execute("PRAGMA writable_schema=OFF")
