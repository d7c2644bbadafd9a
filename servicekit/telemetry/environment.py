"""Which of OpenTelemetry's standard variables are honoured, and one warning about all others.

The SDK raises an error for some values, logs a traceback for others, and follows variables that
would put customers' data into spans. So it sees only what is named here, with valid values. What
is not recognised is reported and then ignored, as the specification requires
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
"""

import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from pathlib import Path
from urllib.parse import urlsplit

SIGNALS = ("traces", "metrics", "logs")
# Stable HTTP and database conventions; the instrumentations still default to the old names.
STABILITY_VARIABLE, STABILITY = "OTEL_SEMCONV_STABILITY_OPT_IN", "http,database"
_SAMPLERS = ("always_on", "always_off", "traceidratio")
_PAIR = re.compile(r"\s*[\w!#$%&'*+.^`|~-]+\s*=[^\r\n]*", re.ASCII)


class InvalidValue(Exception):
    """The message is the reason, never the value: headers hold keys. `usable` is its valid part."""

    def __init__(self, reason: str, usable: str = "") -> None:
        super().__init__(reason)
        self.usable = usable


def _one_of(*allowed: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text.strip().lower() in allowed:
            return text.strip().lower()
        raise InvalidValue(f"only {' or '.join(allowed)} can be honoured")

    return check


def _whole(text: str) -> str:
    if re.fullmatch(r"0*[1-9]\d{0,8}", text.strip()):
        return text.strip()
    raise InvalidValue("not a positive whole number")


def _ratio(text: str) -> str:
    if re.fullmatch(r"0|1|[01]?\.\d+", text.strip()) and float(text) <= 1:
        return text.strip()
    raise InvalidValue("not a number from 0 to 1")


def _url(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise InvalidValue("not an address that begins with http:// or https://")
    return text.strip()


def _pairs(text: str) -> str:
    parts = [part for part in text.split(",") if part.strip()]
    valid = [part for part in parts if _PAIR.fullmatch(part)]
    if len(valid) < len(parts):
        raise InvalidValue("not key=value pairs, separated by commas", ",".join(valid))
    return ",".join(valid)


def _file(text: str) -> str:
    if Path(text).is_file():
        return text
    raise InvalidValue("no such file")


def _exporter(text: str) -> str:
    chosen = {part.strip().lower() for part in text.split(",")} - {""}
    if chosen <= {"otlp"} or chosen == {"none"}:
        return "".join(chosen)
    raise InvalidValue("only otlp or none can be honoured", "otlp" if "otlp" in chosen else "")


def _protocol(text: str) -> str:
    return text.strip().lower()


def _propagators(text: str) -> str:
    """Set by ourselves; baggage is of the default, and nothing here would send any."""
    if {part.strip().lower() for part in text.split(",")} <= {"", "tracecontext", "baggage"}:
        return ""
    raise InvalidValue("only tracecontext is spoken")


def _of_otlp(checks: Mapping[str, Callable[[str], str]]) -> dict[str, Callable[[str], str]]:
    return {
        f"OTEL_EXPORTER_OTLP_{signal}{name}": check
        for signal in ("", *(f"{one.upper()}_" for one in SIGNALS))
        for name, check in checks.items()
    }


_HONOURED: Mapping[str, Callable[[str], str]] = {
    "OTEL_PROPAGATORS": _propagators,
    # Set by ourselves; the same value is no reason for a warning.
    STABILITY_VARIABLE: _one_of(STABILITY),
    "OTEL_SDK_DISABLED": _one_of("true", "false"),
    "OTEL_RESOURCE_ATTRIBUTES": _pairs,
    "OTEL_TRACES_SAMPLER": _one_of(*_SAMPLERS, *(f"parentbased_{one}" for one in _SAMPLERS)),
    "OTEL_TRACES_SAMPLER_ARG": _ratio,
    "OTEL_METRIC_EXPORT_INTERVAL": _whole,
    "OTEL_METRIC_EXPORT_TIMEOUT": _whole,
    **{f"OTEL_{signal.upper()}_EXPORTER": _exporter for signal in SIGNALS},
    **{
        f"OTEL_{processor}_{name}": _whole
        for processor in ("BSP", "BLRP")
        for name in ("SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE")
    },
    **_of_otlp(
        {
            "ENDPOINT": _url,
            "HEADERS": _pairs,
            "TIMEOUT": _whole,
            "PROTOCOL": _protocol,  # looked at below: another one ends the export
            "COMPRESSION": _one_of("none", "gzip", "deflate"),
            "CERTIFICATE": _file,
            "CLIENT_KEY": _file,
            "CLIENT_CERTIFICATE": _file,
        }
    ),
}
_PROTOCOL = "http/protobuf"
_DEFAULTS = {"TIMEOUT": "10000", "PROTOCOL": _PROTOCOL}
# The SDK's queue, and batches of half the size: writing one delays the requests of that moment.
_QUEUE, _BATCH = "2048", "256"
BATCHES = {f"OTEL_{one}_MAX_EXPORT_BATCH_SIZE": _BATCH for one in ("BSP", "BLRP")}


def clean_variables(environ: MutableMapping[str, str]) -> list[str]:
    """Leave those that are honoured, with valid values; one sentence for each that is not."""
    complaints = [*_refuse_values(environ), *_refuse_batches(environ)]
    silenced = [
        signal
        for signal in SIGNALS
        if _of(signal, "ENDPOINT", environ) and _of(signal, "PROTOCOL", environ) != _PROTOCOL
    ]
    for name in _of_otlp({"PROTOCOL": _protocol}):
        environ.pop(name, None)
    for signal in silenced:
        # A receiver of another protocol could not read what is sent.
        environ[f"OTEL_{signal.upper()}_EXPORTER"] = "none"
    if silenced:
        complaints.append(
            f"OTEL_EXPORTER_OTLP_PROTOCOL: only {_PROTOCOL} is spoken; "
            f"not exported: {', '.join(silenced)}"
        )
    return complaints


def pop_export_timeouts(environ: MutableMapping[str, str]) -> dict[str, float]:
    """The seconds that an export of each signal may take, for those that are exported at all;
    of clean variables, of which the SDK's own way to turn it off is taken away: without the ids
    of traces no error could be found (decision 7)."""
    disabled = environ.pop("OTEL_SDK_DISABLED", "") == "true"
    wanted = [one for one in SIGNALS if environ.pop(f"OTEL_{one.upper()}_EXPORTER", "") != "none"]
    return {
        signal: int(_of(signal, "TIMEOUT", environ)) / 1000
        for signal in wanted
        if not disabled and _of(signal, "ENDPOINT", environ)
    }


def _of(signal: str, name: str, environ: Mapping[str, str]) -> str:
    general = environ.get(f"OTEL_EXPORTER_OTLP_{name}") or _DEFAULTS.get(name, "")
    return environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}") or general


def _refuse_values(environ: MutableMapping[str, str]) -> Iterable[str]:
    unknown = []
    for name in sorted(name for name in environ if name.startswith("OTEL_")):
        text = environ.pop(name)
        if not text.strip():
            continue  # as good as not set
        if name not in _HONOURED:
            unknown.append(name)
            continue
        try:
            usable = _HONOURED[name](text)
        except InvalidValue as error:
            yield f"{name}: {error}"
            usable = error.usable
        if usable:
            environ[name] = usable
    if unknown:
        yield f"not honoured: {', '.join(unknown)}"


def _refuse_batches(environ: MutableMapping[str, str]) -> Iterable[str]:
    for processor in ("BSP", "BLRP"):
        queue, batch = f"OTEL_{processor}_MAX_QUEUE_SIZE", f"OTEL_{processor}_MAX_EXPORT_BATCH_SIZE"
        if int(environ.get(batch, _BATCH)) > int(environ.get(queue, _QUEUE)):
            environ.pop(batch, None)
            environ.pop(queue, None)
            yield f"{batch}: more than {queue} holds"
