"""Every table. `service-http` only reads them; the consumer writes orders, items, ledger and
stock; housekeeping moves what is old to `purged_orders`. Engine and collation on MySQL and MariaDB
are the migrations' (`OPTIONS`): said here, everybody would load the dialect of MySQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC with microseconds; stored naive, since MySQL knows no zones."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name not in {"mysql", "mariadb"}:
            return dialect.type_descriptor(DateTime())
        # Who has another database does not load it.
        from sqlalchemy.dialects.mysql import DATETIME

        return dialect.type_descriptor(DATETIME(fsp=6))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


products = Table(
    "products",
    metadata,
    Column("product_id", BigInteger, primary_key=True, autoincrement=False),
    Column("slug", String(100), nullable=False, unique=True),
    Column("brand", String(60), nullable=False),
    Column("collection", String(60), nullable=False),
    Column("name", String(120), nullable=False),
    Column("description", Text, nullable=False),
    Column("description_en", Text, nullable=False),
    Column("movement", String(20), nullable=False),
    Column("case_material", String(20), nullable=False),
    Column("case_mm", SmallInteger, nullable=False),
    Column("strap", String(20), nullable=False),
    Column("water_resistance_m", SmallInteger, nullable=False),
    Column("price_idr", BigInteger, nullable=False),
    Column("stock", Integer, nullable=False),
    Column("released_on", Date, nullable=False),
    Column("face", String(200), nullable=False),
    CheckConstraint("price_idr >= 0", name="price_not_negative"),
    CheckConstraint("stock >= 0", name="stock_not_negative"),
)
# One index per order in which the catalogue or a brand is shown, ties by product_id, each with the
# price, which may be asked for beside it: a page is found without a look at other rows.
for _title, _sorted_by in (
    ("name", products.c.name),
    ("price", products.c.price_idr),
    ("falling_price", products.c.price_idr.desc()),
    ("age", products.c.released_on.desc()),
):
    _rest = (products.c.product_id, products.c.price_idr)[: 1 if "price" in _title else 2]
    Index(f"ix_products_by_{_title}", _sorted_by, *_rest)
    Index(f"ix_products_of_brand_by_{_title}", products.c.brand, _sorted_by, *_rest)

product_words = Table(
    "product_words",
    metadata,
    Column("word", String(40), primary_key=True),
    Column("product_id", BigInteger, ForeignKey("products.product_id"), primary_key=True),
    # Whether a watch has a word, while a list is gone through in its order.
    Index("ix_product_words_of_product", "product_id", "word"),
)

# Of a large catalogue; see `database/counts.py`.
catalogue_counts = Table(
    "catalogue_counts",
    metadata,
    Column("kind", String(8), primary_key=True),
    Column("value", String(60), primary_key=True),
    Column("products", BigInteger, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("order_id", CHAR(36), primary_key=True),
    Column("guest_id", CHAR(36), nullable=False),
    Column("fingerprint", CHAR(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(32)),
    Column("total_idr", BigInteger),
    Column("customer_name", String(100), nullable=False),
    Column("customer_email", String(254), nullable=False),
    Column("customer_address", String(500), nullable=False),
    Column("accepted_at", UtcDateTime, nullable=False),
    Column("stored_at", UtcDateTime, nullable=False),
    CheckConstraint("status IN ('confirmed', 'rejected')", name="status_is_final"),
    CheckConstraint("(status = 'rejected') = (reason IS NOT NULL)", name="reason_if_rejected"),
    CheckConstraint("(status = 'confirmed') = (total_idr IS NOT NULL)", name="total_if_confirmed"),
    CheckConstraint("total_idr >= 0", name="total_not_negative"),
    Index(None, "guest_id", "accepted_at"),
    # Reconciliation looks at the orders of a time, however many there are before it.
    Index(None, "accepted_at", "order_id"),
)

order_items = Table(
    "order_items",
    metadata,
    Column("order_id", CHAR(36), ForeignKey("orders.order_id"), primary_key=True),
    # No foreign key: a rejected order may name a product that does not exist.
    Column("product_id", BigInteger, primary_key=True, autoincrement=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price_idr", BigInteger),
    CheckConstraint("quantity BETWEEN 1 AND 99", name="quantity_in_bounds"),
)

stock_ledger = Table(
    "stock_ledger",
    metadata,
    Column(
        "entry_id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("product_id", BigInteger, nullable=False),
    # No foreign key: the ledger outlives purged orders.
    Column("order_id", CHAR(36)),
    Column("change", Integer, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("order_id", "product_id", "reason"),
    Index(None, "product_id"),
)

purged_orders = Table(
    "purged_orders",
    metadata,
    Column("order_id", CHAR(36), primary_key=True),
    Column("fingerprint", CHAR(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("purged_at", UtcDateTime, nullable=False),
)
