"""Backups of the database and the queue: taken, verified, restored, tried and removed."""
