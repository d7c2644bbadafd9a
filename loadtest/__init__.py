"""Benchmarks and load scenarios."""
