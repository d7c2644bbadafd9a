"""Header names between the services. The frontend is the trust boundary: it drops them all
from what comes in and sets its own."""

GUEST = "X-Arloji-Guest"  # UUID of the guest, taken from the signed cookie
IDEMPOTENCY_KEY = "Idempotency-Key"
INTERNAL_PREFIX = "x-arloji-"
