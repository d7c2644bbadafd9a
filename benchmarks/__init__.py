"""Benchmarks of the code itself: ratios and sizes, measured side by side on one machine."""
