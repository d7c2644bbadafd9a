"""Which of OpenTelemetry's standard variables count here, and what is said of all others.

The SDK raises an error for some values, logs a traceback for others, and obeys variables that
would put customers' data into spans. So it gets to see only what is named here, with values that
it can take. What is not recognised is told and then ignored, as the specification asks for
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


class Refused(Exception):
    """The message says why, never the value: headers hold keys. `kept` is what is left of it."""

    def __init__(self, why: str, kept: str = "") -> None:
        super().__init__(why)
        self.kept = kept


def _one_of(*allowed: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text.strip().lower() in allowed:
            return text.strip().lower()
        raise Refused(f"only {' or '.join(allowed)} can be honoured")

    return check


def _whole(text: str) -> str:
    if re.fullmatch(r"0*[1-9]\d{0,8}", text.strip()):
        return text.strip()
    raise Refused("not a positive whole number")


def _ratio(text: str) -> str:
    if re.fullmatch(r"0|1|[01]?\.\d+", text.strip()) and float(text) <= 1:
        return text.strip()
    raise Refused("not a number from 0 to 1")


def _url(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise Refused("not an address that begins with http:// or https://")
    return text.strip()


def _pairs(text: str) -> str:
    parts = [part for part in text.split(",") if part.strip()]
    kept = [part for part in parts if _PAIR.fullmatch(part)]
    if len(kept) < len(parts):
        raise Refused("not key=value, separated by commas, in all of its parts", ",".join(kept))
    return ",".join(kept)


def _file(text: str) -> str:
    if Path(text).is_file():
        return text
    raise Refused("no such file")


def _exporter(text: str) -> str:
    chosen = {part.strip().lower() for part in text.split(",")} - {""}
    if chosen <= {"otlp"} or chosen == {"none"}:
        return "".join(chosen)
    raise Refused("only otlp or none can be honoured", "otlp" if "otlp" in chosen else "")


def _protocol(text: str) -> str:
    return text.strip().lower()


def _propagators(text: str) -> str:
    """Set by ourselves; baggage is of the default, and nothing here would send any."""
    if {part.strip().lower() for part in text.split(",")} <= {"", "tracecontext", "baggage"}:
        return ""
    raise Refused("only tracecontext is spoken")


def _of_otlp(checks: Mapping[str, Callable[[str], str]]) -> dict[str, Callable[[str], str]]:
    return {
        f"OTEL_EXPORTER_OTLP_{signal}{name}": check
        for signal in ("", *(f"{one.upper()}_" for one in SIGNALS))
        for name, check in checks.items()
    }


_HONOURED: Mapping[str, Callable[[str], str]] = {
    "OTEL_PROPAGATORS": _propagators,
    # Set by ourselves; whoever asks for the same need not be told.
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
# What the SDK takes for a queue and a batch of it.
_QUEUE, _BATCH = "2048", "512"


def clean_variables(environ: MutableMapping[str, str]) -> list[str]:
    """Leave those that count, with values that can be taken; one sentence for each that cannot."""
    complaints = [*_refuse_values(environ), *_refuse_batches(environ)]
    silenced = [
        signal
        for signal in SIGNALS
        if _of(signal, "ENDPOINT", environ) and _of(signal, "PROTOCOL", environ) != _PROTOCOL
    ]
    for name in _of_otlp({"PROTOCOL": _protocol}):
        environ.pop(name, None)
    for signal in silenced:
        # What is spoken would only be noise to who listens for something else.
        environ[f"OTEL_{signal.upper()}_EXPORTER"] = "none"
    if silenced:
        complaints.append(
            f"OTEL_EXPORTER_OTLP_PROTOCOL: only {_PROTOCOL} is spoken; "
            f"not exported: {', '.join(silenced)}"
        )
    return complaints


def take_choice(environ: MutableMapping[str, str]) -> dict[str, float]:
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
            kept = _HONOURED[name](text)
        except Refused as refusal:
            yield f"{name}: {refusal}"
            kept = refusal.kept
        if kept:
            environ[name] = kept
    if unknown:
        yield f"not honoured: {', '.join(unknown)}"


def _refuse_batches(environ: MutableMapping[str, str]) -> Iterable[str]:
    for processor in ("BSP", "BLRP"):
        queue, batch = f"OTEL_{processor}_MAX_QUEUE_SIZE", f"OTEL_{processor}_MAX_EXPORT_BATCH_SIZE"
        if int(environ.get(batch, _BATCH)) > int(environ.get(queue, _QUEUE)):
            environ.pop(batch, None)
            environ.pop(queue, None)
            yield f"{batch}: more than {queue} holds"
