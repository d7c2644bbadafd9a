"""A catalogue of any size: an index for each order in which it is shown, words by their product,
and kept counts. Indexes that others replace are dropped; what they served, the others serve."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
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
# The tables that each is made on, and its columns.
MADE = {
    "ix_products_by_name": ("products", "name product_id price_idr"),
    "ix_products_by_price": ("products", "price_idr product_id"),
    "ix_products_by_falling_price": ("products", "price_idr/DESC product_id"),
    "ix_products_by_age": ("products", "released_on/DESC product_id price_idr"),
    "ix_products_of_brand_by_name": ("products", "brand name product_id price_idr"),
    "ix_products_of_brand_by_price": ("products", "brand price_idr product_id"),
    "ix_products_of_brand_by_falling_price": ("products", "brand price_idr/DESC product_id"),
    "ix_products_of_brand_by_age": ("products", "brand released_on/DESC product_id price_idr"),
    "ix_product_words_of_product": ("product_words", "product_id word"),
}
REPLACED = (
    "ix_products_name_product_id",
    "ix_products_price_idr_product_id",
    "ix_products_released_on_product_id",
    "ix_products_brand_price_idr",
)


def upgrade() -> None:
    # One that was killed may have made some: MySQL commits each change of a table by itself.
    inspector = sa.inspect(op.get_bind())
    present = {
        one["name"]
        for table in ("products", "product_words")
        for one in inspector.get_indexes(table)
    }
    for name, (table, columns) in MADE.items():
        if name not in present:
            parts = [sa.text(one.replace("/", " ")) for one in columns.split()]
            op.create_index(name, table, list(parts))
    for name in REPLACED:
        if name in present:
            op.drop_index(name, "products")
    if not inspector.has_table("catalogue_counts"):
        op.create_table(
            "catalogue_counts",
            sa.Column("kind", sa.String(8), nullable=False),
            sa.Column("value", sa.String(60), nullable=False),
            sa.Column("products", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint("kind", "value", name="pk_catalogue_counts"),
            **OPTIONS,
        )
