"""Spans as an OTLP request (trace.proto of opentelemetry-proto 1.x), written from cached bytes.

The official encoder makes a protobuf object of each value and hashes the resource, by way of JSON,
for each span, while the event loop waits for the interpreter's lock. Yet spans differ in a few
bytes only. What is unusual in one (events, links, lists) is left to the official encoder, so that
nothing of that is known here.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, StatusCode

# Names, keys and values come again and again; ids and times, which do not, must not fill memory.
_MOST_CACHED = 4096
_FLAG_KNOWN, _FLAG_REMOTE = 0x100, 0x200  # whether the parent is of another process
_KINDS = 1  # OTLP counts from here, the API from 0

_IDS, _PARENT, _TIMES = Struct("<2s16s2s8s"), Struct("<2s8s"), Struct("<cQcQ")
_FLAGS, _DOUBLE = Struct("<2sI"), Struct("<cd")


class _Unusual(Exception):
    """Something that only the official encoder knows how to write."""


class SpanEncoder:
    """Remembers what it has written. For one thread at a time."""

    def __init__(self) -> None:
        self._resource: Resource | None = None
        self._resource_fields = self._resource_schema = b""
        self._scopes: dict[InstrumentationScope | None, tuple[bytes, bytes]] = {}
        self._attributes: dict[tuple[str, object], bytes] = {}

    def encode(self, spans: Sequence[ReadableSpan]) -> bytes:
        """A serialized `ExportTraceServiceRequest` with these spans of one resource."""
        groups: dict[InstrumentationScope | None, list[bytes]] = {}
        for span in spans:
            scope = span._instrumentation_scope
            if (group := groups.get(scope)) is None:
                self._learn(span)
                group = groups[scope] = []
            encoded = self._encode_span(span)
            group += (b"\x12", _varint(len(encoded)), encoded)
        scopes = []
        for scope, written in groups.items():
            head, schema = self._scopes[scope]
            scopes.append(_field(b"\x12", b"".join([head, *written, schema])))
        return _field(b"\x0a", b"".join([self._resource_fields, *scopes, self._resource_schema]))

    def _learn(self, span: ReadableSpan) -> None:
        """The bytes that go around all spans of this one's resource and scope."""
        if span.resource is not self._resource:
            self._resource, self._scopes = span.resource, {}
        if span.instrumentation_scope in self._scopes:
            return
        (of_resource,) = encode_spans([span]).resource_spans
        (of_scope,) = of_resource.scope_spans
        self._resource_fields = _field(b"\x0a", of_resource.resource.SerializeToString())
        self._resource_schema = _text(b"\x1a", of_resource.schema_url)
        self._scopes[span.instrumentation_scope] = (
            _field(b"\x0a", of_scope.scope.SerializeToString()),
            _text(b"\x1a", of_scope.schema_url),
        )

    def _encode_span(self, span: ReadableSpan) -> bytes:
        try:
            return b"".join(self._fields_of(span))
        except _Unusual:
            (of_resource,) = encode_spans([span]).resource_spans
            written: bytes = of_resource.scope_spans[0].spans[0].SerializeToString()
            return written

    def _fields_of(self, span: ReadableSpan) -> list[bytes]:
        context, parent, status = span._context, span._parent, span._status
        # By their fields: the properties copy what they show.
        if context is None or not _is_usual(span, context):
            raise _Unusual
        trace_id, span_id, *_ = context
        ids = _IDS.pack(b"\x0a\x10", trace_id.to_bytes(16), b"\x12\x08", span_id.to_bytes(8))
        times = _TIMES.pack(b"\x39", span._start_time or 0, b"\x41", span._end_time or 0)
        named = _named(span._name, span._kind._value_, parent is not None and parent.is_remote)
        fields = [ids, times, named]
        if parent:
            fields.append(_PARENT.pack(b"\x22\x08", parent.span_id.to_bytes(8)))
        known = self._attributes
        for attribute in (span._attributes or {}).items():
            kind = type(attribute[1])
            # By type: True and 1.0 would be found under 1.
            if kind is str or kind is int:
                fields.append(known.get(attribute) or self._learn_attribute(*attribute))
            else:
                fields.append(_pair(*attribute))
        if status.status_code is not StatusCode.UNSET or status.description:
            code = b"\x18" + _varint(status.status_code.value)
            fields.append(_field(b"\x7a", _text(b"\x12", status.description or "") + code))
        else:
            fields.append(b"\x7a\x00")
        return fields

    def _learn_attribute(self, key: str, value: object) -> bytes:
        if len(self._attributes) >= _MOST_CACHED:
            self._attributes.clear()
        known = self._attributes[key, value] = _pair(key, value)
        return known


def _is_usual(span: ReadableSpan, context: SpanContext) -> bool:
    if span._events or span._links or context.trace_state:
        return False
    # Our own spans drop nothing.
    return type(span._attributes) is dict or not (
        span.dropped_attributes or span.dropped_events or span.dropped_links
    )


def _pair(key: str, value: object) -> bytes:
    return _field(b"\x4a", _text(b"\x0a", key) + _field(b"\x12", _scalar(value)))


def _scalar(value: object) -> bytes:
    match value:
        case str():
            # Even if it is empty: which kind of value it is must be said.
            return _field(b"\x0a", _utf8(value))
        case bool():
            return b"\x10\x01" if value else b"\x10\x00"
        case int() if -(2**63) <= value < 2**63:
            return b"\x18" + _varint(value & (2**64 - 1))
        case float():
            return _DOUBLE.pack(b"\x21", value)
        case _:
            raise _Unusual


@lru_cache(maxsize=_MOST_CACHED)
def _named(name: str, kind: int, remote: bool) -> bytes:
    """Name, kind and flags, which many spans share."""
    flags = _FLAG_KNOWN | (_FLAG_REMOTE if remote else 0)
    told = _text(b"\x2a", name) + b"\x30" + _varint(kind + _KINDS)
    return told + _FLAGS.pack(b"\x85\x01", flags)


def _text(tag: bytes, text: str) -> bytes:
    return _field(tag, _utf8(text)) if text else b""


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _Unusual from None


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Seven bits at a time, the lowest first (protobuf's base 128)."""
    if number < 0x80:
        return _SMALL[number]
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


_SMALL = [bytes([number]) for number in range(0x80)]
