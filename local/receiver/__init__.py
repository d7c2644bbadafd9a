"""The embedded run's telemetry: a small OTLP/HTTP receiver that keeps the newest traces, logs and
metrics in memory and shows them on a page."""
