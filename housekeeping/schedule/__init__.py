"""Housekeeping by the clock: which command runs when, and supercronic, which runs it."""
