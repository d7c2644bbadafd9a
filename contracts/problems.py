"""Refusals that only a shop knows; those of any HTTP service are in `servicekit.problems`, the one
module outside of contracts that contracts may import."""

from servicekit.problems import Problem


class GuestRequired(Problem):
    status, slug, title = 401, "guest-required", "A guest cookie is required"


class IdempotencyKeyReused(Problem):
    status, slug, title = 422, "idempotency-key-reused", "Idempotency key used with another body"
