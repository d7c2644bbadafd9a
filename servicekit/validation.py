"""Validation errors of a request, in words that fit JSON instead of Python."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

_MAX_ERRORS = 20
# By pydantic's type of an error; what stands in braces is of its context.
_MESSAGES: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "must be an object"),
    **dict.fromkeys(("tuple_type", "list_type"), "must be an array"),
    "string_type": "must be a string",
    "string_unicode": "must be Unicode text, without half of a surrogate pair",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    "int_parsing_size": "is too large a number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "enum": "must be {expected}",
    "value_error": "{error}",
}


class Invalid(Protocol):
    """Pydantic's `ValidationError`, or FastAPI's of a request."""

    def errors(self) -> Sequence[Any]: ...


def field_errors(error: Invalid) -> list[dict[str, str]]:
    """For `errors` of a problem: each field that is wrong and why, without what was sent."""
    found = [one for one in error.errors() if not _is_consequence(one)]
    return [
        {"field": ".".join(str(part) for part in one["loc"]), "message": _message_of(one)}
        for one in found[:_MAX_ERRORS]
    ]


def _is_consequence(one: Mapping[str, Any]) -> bool:
    """True if an array is called too short for want of items that are there, and wrong."""
    sent = one.get("input")
    return (
        one["type"] == "too_short"
        and isinstance(sent, Sequence)
        and len(sent) >= one["ctx"]["min_length"]
    )


def _message_of(one: Mapping[str, Any]) -> str:
    context = one.get("ctx", {})
    if one["type"] in ("too_short", "string_too_short") and context["min_length"] == 1:
        return "must not be empty"
    words = _MESSAGES.get(one["type"])
    return str(one["msg"]) if words is None else words.format_map(context)
