"""First schema: catalogue, search words, orders, items, stock ledger, purged orders.

A migration is history: it spells everything out and imports nothing that may change later.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import DATETIME

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in {
        "engine": "InnoDB",
        "charset": "utf8mb4",
        "collate": "utf8mb4_bin",
    }.items()
}
TIME = sa.DateTime().with_variant(DATETIME(fsp=6), "mysql").with_variant(DATETIME(fsp=6), "mariadb")


def upgrade() -> None:
    create_catalogue()
    create_orders()
    create_stock_ledger()


def create_catalogue() -> None:
    op.create_table(
        "products",
        sa.Column("product_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slug", sa.String(100), nullable=False),
        sa.Column("brand", sa.String(60), nullable=False),
        sa.Column("collection", sa.String(60), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("description_en", sa.Text(), nullable=False),
        sa.Column("movement", sa.String(20), nullable=False),
        sa.Column("case_material", sa.String(20), nullable=False),
        sa.Column("case_mm", sa.SmallInteger(), nullable=False),
        sa.Column("strap", sa.String(20), nullable=False),
        sa.Column("water_resistance_m", sa.SmallInteger(), nullable=False),
        sa.Column("price_idr", sa.BigInteger(), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=False),
        sa.Column("released_on", sa.Date(), nullable=False),
        sa.Column("face", sa.String(200), nullable=False),
        sa.CheckConstraint("price_idr >= 0", name=op.f("ck_products_price_not_negative")),
        sa.CheckConstraint("stock >= 0", name=op.f("ck_products_stock_not_negative")),
        sa.PrimaryKeyConstraint("product_id", name="pk_products"),
        sa.UniqueConstraint("slug", name="uq_products_slug"),
        **OPTIONS,
    )
    for columns in ("name product_id", "price_idr product_id", "released_on product_id"):
        create_index("products", columns.split())
    create_index("products", ["brand", "price_idr"])
    op.create_table(
        "product_words",
        sa.Column("word", sa.String(40), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name="fk_product_words_product_id"
        ),
        sa.PrimaryKeyConstraint("word", "product_id", name="pk_product_words"),
        **OPTIONS,
    )


def create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("order_id", sa.CHAR(36), nullable=False),
        sa.Column("guest_id", sa.CHAR(36), nullable=False),
        sa.Column("fingerprint", sa.CHAR(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32)),
        sa.Column("total_idr", sa.BigInteger()),
        sa.Column("customer_name", sa.String(100), nullable=False),
        sa.Column("customer_email", sa.String(254), nullable=False),
        sa.Column("customer_address", sa.String(500), nullable=False),
        sa.Column("accepted_at", TIME, nullable=False),
        sa.Column("stored_at", TIME, nullable=False),
        sa.CheckConstraint(
            "status IN ('confirmed', 'rejected')", name=op.f("ck_orders_status_is_final")
        ),
        sa.CheckConstraint(
            "(status = 'rejected') = (reason IS NOT NULL)",
            name=op.f("ck_orders_reason_if_rejected"),
        ),
        sa.CheckConstraint(
            "(status = 'confirmed') = (total_idr IS NOT NULL)",
            name=op.f("ck_orders_total_if_confirmed"),
        ),
        sa.CheckConstraint(
            "total_idr >= 0 AND total_idr <= 1000000000000", name=op.f("ck_orders_total_plausible")
        ),
        sa.PrimaryKeyConstraint("order_id", name="pk_orders"),
        **OPTIONS,
    )
    create_index("orders", ["guest_id", "accepted_at"])
    op.create_table(
        "order_items",
        sa.Column("order_id", sa.CHAR(36), nullable=False),
        sa.Column("product_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price_idr", sa.BigInteger()),
        sa.CheckConstraint(
            "quantity BETWEEN 1 AND 99", name=op.f("ck_order_items_quantity_in_bounds")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name="fk_order_items_order_id"),
        sa.PrimaryKeyConstraint("order_id", "product_id", name="pk_order_items"),
        **OPTIONS,
    )
    op.create_table(
        "purged_orders",
        sa.Column("order_id", sa.CHAR(36), nullable=False),
        sa.Column("fingerprint", sa.CHAR(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("purged_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("order_id", name="pk_purged_orders"),
        **OPTIONS,
    )


def create_stock_ledger() -> None:
    op.create_table(
        "stock_ledger",
        sa.Column(
            "entry_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.CHAR(36)),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name="pk_stock_ledger"),
        sa.UniqueConstraint("order_id", "product_id", "reason", name="uq_stock_ledger_order_id"),
        **OPTIONS,
    )
    create_index("stock_ledger", ["product_id"])


def create_index(table: str, columns: list[str]) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
