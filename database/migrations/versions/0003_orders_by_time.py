"""Orders by the time at which they were accepted: reconciliation asks for those of a day."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NAME = "ix_orders_accepted_at_order_id"


def upgrade() -> None:
    # One that was killed may have made it: MySQL commits each change of a table by itself.
    made = {one["name"] for one in sa.inspect(op.get_bind()).get_indexes("orders")}
    if NAME not in made:
        op.create_index(NAME, "orders", ["accepted_at", "order_id"])
