"""OTLP's JSON form: protobuf's JSON mapping with ids as hex and enums as numbers (OTLP
specification, JSON Protobuf Encoding)."""

import base64
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from local.receiver.records import Origin
from local.receiver.traces import Trace

_ID_FIELDS = frozenset({"traceId", "spanId", "parentSpanId"})


def trace_to_json(trace: Trace) -> dict[str, Any]:
    """`{"resourceSpans": […]}`, one entry per resource and in it one per scope, spans by start."""
    by_origin: dict[Origin, list[Span]] = {}
    for record in sorted(trace.spans.values(), key=lambda span: span.started_ns):
        by_origin.setdefault(record.origin, []).append(Span.FromString(record.raw))
    by_resource: dict[bytes, ResourceSpans] = {}
    for origin, spans in by_origin.items():
        resource = ResourceSpans.FromString(origin.envelope)
        scope = resource.scope_spans.pop()
        scope.spans.extend(spans)
        key = resource.SerializeToString(deterministic=True)
        by_resource.setdefault(key, resource).scope_spans.append(scope)
    return {
        "resourceSpans": [
            _with_hex_ids(json_format.MessageToDict(entry, use_integers_for_enums=True))
            for entry in by_resource.values()
        ]
    }


def _with_hex_ids(node: Any) -> Any:
    """protobuf writes bytes as Base64."""
    if isinstance(node, list):
        return [_with_hex_ids(item) for item in node]
    if isinstance(node, dict):
        return {
            name: base64.b64decode(value).hex() if name in _ID_FIELDS else _with_hex_ids(value)
            for name, value in node.items()
        }
    return node
