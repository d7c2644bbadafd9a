"""Names in the queue Redis: the stream of accepted orders and the keys beside it."""

ORDERS = "orders"
CONSUMERS = "consumers"
DEAD = "orders:dead"

SCHEMA_VERSION = 1

FIELD_SCHEMA = "schema"
FIELD_ORDER = "order"
FIELD_TRACEPARENT = "traceparent"
# Dead letters carry the fields above and these.
FIELD_REASON = "reason"
FIELD_DELIVERIES = "deliveries"
FIELD_ENTRY_ID = "entry_id"


def pending_key(guest_id: str) -> str:
    """Hash order_id → `PendingOrder`; an order stands here from 202 until its row exists."""
    return f"pending:{guest_id}"


IDEMPOTENCY_PREFIX = "idem:"


def idempotency_record_key(guest_id: str, idempotency_key: str) -> str:
    """Record of one idempotency key: the fingerprint first sent with it."""
    return f"{IDEMPOTENCY_PREFIX}{guest_id}:{idempotency_key}"
