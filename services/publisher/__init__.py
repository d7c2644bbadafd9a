"""Takes orders: answers 202 only once the order is on the queue's disk."""
