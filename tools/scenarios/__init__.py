"""Guided stories of what goes wrong in a shop: `make scenario NAME=…` does it from outside, since
the product has no switches for faults, and undoes it. What to look at is in docs/scenarios/."""
