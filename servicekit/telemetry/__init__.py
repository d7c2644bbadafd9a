"""Traces, metrics and logs. Code that records something imports `tracing` and `metrics`, which
need OpenTelemetry's API alone; `setup`, with the SDK and its exporters, is for the server."""
