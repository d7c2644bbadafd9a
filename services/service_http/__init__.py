"""Reads: products through the cache, orders from queue and database."""
