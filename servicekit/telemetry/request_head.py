"""What an ASGI scope tells of a request, as attributes of the semantic conventions."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.util.http import detect_synthetic_user_agent
from starlette.types import Scope

from servicekit.telemetry.current_span import with_span
from servicekit.telemetry.http_conventions import Attributes


def request_attributes(scope: Scope) -> Attributes:
    """What a SERVER span says beside the attributes that its metrics have."""
    found: Attributes = {"url.path": scope["path"]}
    if server := scope.get("server"):
        found.update(_server_attributes(*server))
    if client := scope.get("client"):
        found["client.address"], found["client.port"] = client
    if query := scope["query_string"]:
        found["url.query"] = query.decode("utf-8", "replace")
    for name, value in scope["headers"]:
        if name == b"user-agent" and value:
            found.update(_agent_attributes(value))
            break
    return found


@lru_cache(maxsize=64)
def _server_attributes(host: str, port: int) -> Attributes:
    return {"server.address": host if port == 80 else f"{host}:{port}", "server.port": port}


@lru_cache(maxsize=64)
def _agent_attributes(agent: bytes) -> Mapping[str, str]:
    name = agent.decode("latin-1")
    kind = detect_synthetic_user_agent(name)
    told = {"user_agent.original": name}
    return {**told, "user_agent.synthetic.type": kind} if kind else told


def parent_of(headers: list[tuple[bytes, bytes]]) -> Context:
    """With the caller's span, if it names one."""
    told = [value for name, value in headers if name in _OF_TRACE]
    if not told:
        return _NOTHING
    found = _PARENT.fullmatch(told[0]) if len(told) == 1 else None
    if found is None:
        return propagate.extract(headers, getter=_HEADERS)
    ids = int(found[1], 16), int(found[2], 16)
    parent = SpanContext(*ids, is_remote=True, trace_flags=_FLAGS[found[3]])
    return with_span(NonRecordingSpan(parent), _NOTHING)


def content_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """-1 if none is stated."""
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return -1


class _HeaderGetter(Getter[list[tuple[bytes, bytes]]]):
    def get(self, carrier: list[tuple[bytes, bytes]], key: str) -> list[str] | None:
        wanted = key.encode()
        return [value.decode("latin-1") for name, value in carrier if name == wanted] or None

    def keys(self, carrier: list[tuple[bytes, bytes]]) -> list[str]:
        return [name.decode("latin-1") for name, _ in carrier]


# A `traceparent` alone, as our own services write it; anything else is for the propagator.
_OF_TRACE = frozenset((b"traceparent", b"tracestate"))
_PARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-(0[01])")
_FLAGS = {b"%02x" % number: TraceFlags(number) for number in range(2)}
_HEADERS, _NOTHING = _HeaderGetter(), Context()
