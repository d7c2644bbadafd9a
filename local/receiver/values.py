"""OTLP attribute values as Python values and as text."""

import base64
import json
import math
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


def json_number(number: float) -> float | str:
    """JSON has no NaN and no infinities; protobuf's JSON form writes them as these strings."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number


def value_of(value: AnyValue) -> JsonValue:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    plain: Any = getattr(value, kind)
    if kind == "double_value":
        return json_number(plain)
    if kind == "bytes_value":
        return base64.b64encode(plain).decode()
    if kind == "array_value":
        return [value_of(item) for item in plain.values]
    if kind == "kvlist_value":
        return attributes_of(plain.values)
    scalar: JsonValue = plain
    return scalar


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, JsonValue]:
    return {pair.key: value_of(pair.value) for pair in pairs}


def text_of(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def text_attributes(pairs: Iterable[KeyValue]) -> tuple[tuple[str, str], ...]:
    """Attributes as sorted text: hashable, and equal for equal sets in any order."""
    return tuple(sorted((key, text_of(value)) for key, value in attributes_of(pairs).items()))
