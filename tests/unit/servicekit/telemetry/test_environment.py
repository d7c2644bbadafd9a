"""Which of OpenTelemetry's standard variables are honoured, and what is said of the others."""

import pytest

from servicekit.telemetry.environment import SIGNALS, clean_variables, pop_export_timeouts

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
ALL = dict.fromkeys(SIGNALS, 10.0)


@pytest.mark.parametrize(
    ("variables", "exported"),
    [
        ({}, {}),
        ({"EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ALL),
        ({"EXPORTER_OTLP_ENDPOINT": "  "}, {}),
        ({"EXPORTER_OTLP_TRACES_ENDPOINT": "https://c/v1/traces"}, {"traces": 10.0}),
        ({"EXPORTER_OTLP_LOGS_ENDPOINT": "http://c/v1/logs"}, {"logs": 10.0}),
        ({**ENDPOINT, "TRACES_EXPORTER": "none"}, {"metrics": 10.0, "logs": 10.0}),
        ({**ENDPOINT, "METRICS_EXPORTER": "OTLP", "LOGS_EXPORTER": ""}, ALL),
        ({**ENDPOINT, "SDK_DISABLED": "TRUE"}, {}),
        ({**ENDPOINT, "SDK_DISABLED": "false"}, ALL),
        ({**ENDPOINT, "EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, ALL),
        ({**ENDPOINT, "PROPAGATORS": "tracecontext,baggage"}, ALL),
        ({**ENDPOINT, "SEMCONV_STABILITY_OPT_IN": "http,database"}, ALL),
        # Milliseconds, as for every duration of the standard.
        ({**ENDPOINT, "EXPORTER_OTLP_TIMEOUT": "2500"}, dict.fromkeys(SIGNALS, 2.5)),
        ({**ENDPOINT, "EXPORTER_OTLP_TRACES_TIMEOUT": "500"}, {**ALL, "traces": 0.5}),
    ],
)
def test_what_is_asked_for_is_exported(
    variables: dict[str, str], exported: dict[str, float]
) -> None:
    environ = {name if name in ENDPOINT else f"OTEL_{name}": variables[name] for name in variables}
    assert clean_variables(environ) == []
    assert pop_export_timeouts(environ) == exported


@pytest.mark.parametrize("protocol", ["grpc", "http/json", "carrier pigeon"])
def test_a_protocol_that_is_not_spoken_is_told_and_nothing_sent_by_another(protocol: str) -> None:
    environ = ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    (complaint,) = clean_variables(environ)
    assert "not exported: traces, metrics, logs" in complaint
    assert clean_variables(environ) == []  # said once: the launcher hands on what is clean
    assert pop_export_timeouts(environ) == {}


def test_each_signal_has_its_own_protocol() -> None:
    own = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}
    environ = ENDPOINT | own | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    (complaint,) = clean_variables(environ)
    assert "not exported: metrics, logs" in complaint
    assert pop_export_timeouts(environ) == {"traces": 10.0}


@pytest.mark.parametrize(
    ("name", "text", "usable"),
    [
        ("OTEL_BSP_SCHEDULE_DELAY", "abc", None),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "9999", None),  # the queue holds 2048
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "0", None),
        ("OTEL_METRIC_EXPORT_INTERVAL", "soon", None),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0", None),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1e999", None),
        ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "brotli", None),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file", None),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "collector:4317", None),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://[::1", None),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret,broken", "api-key=secret"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b,,=c,d", "a=b"),
        ("OTEL_TRACES_SAMPLER", "sometimes", None),
        ("OTEL_TRACES_SAMPLER_ARG", "2", None),
        ("OTEL_SDK_DISABLED", "yes", None),
        ("OTEL_TRACES_EXPORTER", "console", None),
        ("OTEL_METRICS_EXPORTER", "prometheus,otlp", "otlp"),
        ("OTEL_PROPAGATORS", "tracecontext,b3", None),
        ("OTEL_PROPAGATORS", "none", None),
        ("OTEL_SERVICE_NAME", "shop", None),
        ("OTEL_PYTHON_TRACER_PROVIDER", "theirs", None),
        ("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", "cookie", None),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", None),
        ("OTEL_METRICS_EXEMPLAR_FILTER", "some", None),
        ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "all of them", None),
    ],
)
def test_what_cannot_be_honoured_is_told_once_and_ignored(
    name: str, text: str, usable: str | None
) -> None:
    environ = {name: text, **ENDPOINT}
    (complaint,) = clean_variables(environ)
    assert name in complaint
    assert text not in complaint  # it may be a key
    assert environ.get(name) == usable
    assert pop_export_timeouts(environ).keys() == set(SIGNALS)


def test_other_variables_are_left_alone() -> None:
    environ = {"PATH": "/bin", "OTELLO": "1"}
    assert clean_variables(environ) == []
    assert environ == {"PATH": "/bin", "OTELLO": "1"}
