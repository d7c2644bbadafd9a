"""Whoever an order is for, and what may be typed of him or her."""

import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from contracts.text import plain_spaces, remove_invisible, shows_something, without_meaning

# What no schema can say.
_TEXT_RULES = (
    "Text that shows something, without control characters and characters for private use; what "
    "nobody sees is removed."
)


def _printable(text: str) -> str:
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text):
        raise ValueError("must not contain control characters")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("must be a single line")
    return text


def _clean(value: object) -> object:
    """Line separators are what some programs copy as a line's end."""
    if not isinstance(value, str):
        return value
    return plain_spaces(remove_invisible(re.sub("[\u2028\u2029]", "\n", value)))


def _readable(text: str) -> str:
    if re.search(r"[\x80-\x9f]", text):
        raise ValueError("must not contain control characters")
    if without_meaning(text):
        raise ValueError("must not contain characters for private use")
    if not shows_something(text):
        raise ValueError("must contain something that can be seen")
    return text


def _readable_in_each_part(email: str) -> str:
    for part in filter(None, re.split("[@.]", email)):
        _readable(part)
    return email


def _line(max_length: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=max_length)


Email = StringConstraints(
    strip_whitespace=True, max_length=254, pattern=r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"
)


class Contract(BaseModel):
    """Frozen, and strict about what it does not know: an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Recipient(Contract):
    """Whoever an accepted order is for. What was accepted stays valid when the rules for what may
    be typed grow stricter."""

    model_config = ConfigDict(revalidate_instances="subclass-instances")

    name: Annotated[str, _line(100), AfterValidator(_printable), AfterValidator(_one_line)]
    email: Annotated[str, Email, AfterValidator(_printable)]
    address: Annotated[str, _line(500), AfterValidator(_printable)]


class Customer(Recipient):
    """Whoever orders, as typed: without characters that nobody sees, and not of those alone."""

    # What is typed is cleaned first, before its length counts.
    name: Annotated[
        str,
        Field(description=f"One line. {_TEXT_RULES}"),
        _line(100),
        AfterValidator(_printable),
        AfterValidator(_one_line),
        AfterValidator(_readable),
        BeforeValidator(_clean),
    ]
    email: Annotated[
        str,
        Field(description=f"Each part shows something. {_TEXT_RULES}"),
        Email,
        AfterValidator(_printable),
        AfterValidator(_readable_in_each_part),
        BeforeValidator(_clean),
    ]
    address: Annotated[
        str,
        Field(description=_TEXT_RULES),
        _line(500),
        AfterValidator(_printable),
        AfterValidator(_readable),
        BeforeValidator(_clean),
    ]
