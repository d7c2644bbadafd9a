"""OTLP's JSON form: protobuf's JSON mapping with ids as hex and enums as numbers (OTLP
specification, JSON Protobuf Encoding)."""

import base64
import json
from collections.abc import Callable
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]
from google.protobuf.message import Message  # type: ignore[import-untyped]
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from local.receiver.records import Origin
from local.receiver.traces import Trace

_ID_FIELDS = frozenset({"traceId", "spanId", "parentSpanId"})


def _with_ids(node: Any, convert: Callable[[str], str]) -> Any:
    if isinstance(node, list):
        return [_with_ids(item, convert) for item in node]
    if isinstance(node, dict):
        return {
            name: convert(value)
            if name in _ID_FIELDS and isinstance(value, str)
            else _with_ids(value, convert)
            for name, value in node.items()
        }
    return node


def _hex_to_base64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()


def _base64_to_hex(text: str) -> str:
    return base64.b64decode(text).hex()


def parse_json(body: bytes, message: Message) -> None:
    """Raises ValueError if the body is not this message."""
    try:
        fields = _with_ids(json.loads(body), _hex_to_base64)
        if not isinstance(fields, dict):
            raise ValueError("not an object")
        json_format.ParseDict(fields, message, ignore_unknown_fields=True)
    except (json_format.ParseError, RecursionError, OverflowError, TypeError) as error:
        raise ValueError("not this message") from error


def to_json(message: Message) -> Any:
    fields = json_format.MessageToDict(message, use_integers_for_enums=True)
    return _with_ids(fields, _base64_to_hex)


def trace_to_json(trace: Trace) -> dict[str, Any]:
    """`{"resourceSpans": […]}`, one entry per resource and in it one per scope, spans by start."""
    spans = sorted(trace.spans.values(), key=lambda span: span.started_ns)
    by_origin: dict[Origin, ScopeSpans] = {}
    by_resource: dict[bytes, ResourceSpans] = {}
    for span in spans:
        scope_spans = by_origin.get(span.origin)
        if scope_spans is None:
            envelope = ResourceSpans.FromString(span.origin.envelope)
            scope_spans = envelope.scope_spans.pop()
            resource: bytes = envelope.SerializeToString(deterministic=True)
            by_origin[span.origin] = scope_spans
            resource_spans = by_resource.setdefault(resource, envelope)
            resource_spans.scope_spans.append(scope_spans)
            # append() copies, so keep the message that is inside.
            scope_spans = by_origin[span.origin] = resource_spans.scope_spans[-1]
        scope_spans.spans.append(Span.FromString(span.raw))
    return {"resourceSpans": [to_json(entry) for entry in by_resource.values()]}
