"""The one door to the backend: a fixed route table, time and size limits, and the one retry."""
