"""Orders as the publisher puts them into the stream."""

import uuid
from datetime import UTC, datetime
from typing import Any

from contracts.orders import Customer, OrderMessage, OrderRequest, order_id_for

CUSTOMER = {"name": "Sari Wulandari", "email": "sari@example.com", "address": "Jl. Merdeka 1"}
GUEST = uuid.UUID(int=7)


def make_order(lines: dict[int, int], key: str | None = None, **changes: Any) -> OrderMessage:
    """As the publisher makes it; `changes` go over what it holds."""
    request = OrderRequest.model_validate(
        {
            "items": [{"product_id": p, "quantity": n} for p, n in lines.items()],
            "customer": CUSTOMER,
            "expected_total_idr": changes.pop("expected_total_idr", None),
        }
    )
    message = OrderMessage(
        order_id=order_id_for(GUEST, key or str(uuid.uuid4())),
        guest_id=GUEST,
        fingerprint=request.fingerprint(),
        items=request.items,
        customer=Customer.model_validate(CUSTOMER),
        expected_total_idr=request.expected_total_idr,
        accepted_at=datetime.now(UTC),
    )
    return message.model_copy(update=changes)
