"""Header names between the services. The frontend is the trust boundary: it drops them all
from what comes in and sets its own."""

GUEST = "X-Arloji-Guest"  # UUID of the guest, taken from the signed cookie
IDEMPOTENCY_KEY = "Idempotency-Key"
# Of the answer to a list of orders: it is cut, and the guest has older ones.
OLDER_ORDERS = "Older-Orders"
INTERNAL_PREFIX = "x-arloji-"
