"""The five services, one process each; none imports another."""

# First of all: it keeps from `opentelemetry` what would end the process at its import.
import servicekit  # noqa: F401
