"""Copies of the database's binary logs, and restoring to a moment with them."""
