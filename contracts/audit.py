"""One line of the audit: the publisher writes it before it answers 202."""

from uuid import UUID

from contracts.orders import Contract, UtcTime


class AuditLine(Contract):
    order_id: UUID
    # None for a repetition of an order that was in the queue already.
    entry_id: str | None
    accepted_at: UtcTime
