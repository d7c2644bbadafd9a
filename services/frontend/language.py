"""Which language a page speaks: what is asked for now, was chosen before, or the browser
prefers; Indonesian otherwise."""

import re
from collections.abc import Mapping
from enum import StrEnum

PARAMETER = "lang"


class Language(StrEnum):
    INDONESIAN = "id"
    ENGLISH = "en"


# ISO 639 called Indonesian `in` until 1989, and some systems still do.
_TAGS: Mapping[str, Language] = {
    "id": Language.INDONESIAN,
    "in": Language.INDONESIAN,
    "en": Language.ENGLISH,
}


def find_language(code: str | None) -> Language | None:
    return next((language for language in Language if language == code), None)


def choose_language(
    asked: str | None, remembered: str | None, accept_language: str | None
) -> Language:
    return (
        find_language(asked)
        or find_language(remembered)
        or _prefer(accept_language or "")
        or Language.INDONESIAN
    )


def _prefer(accept_language: str) -> Language | None:
    """The language with the highest weight (RFC 9110 §12.5.4), the first one among equals."""
    best: Language | None = None
    best_weight = 0.0
    for part in accept_language[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        language = _TAGS.get(tag.strip().lower().split("-")[0])
        weight = _read_weight(parameter)
        if language and weight > best_weight:
            best, best_weight = language, weight
    return best


def _read_weight(parameter: str) -> float:
    if not parameter:
        return 1.0
    match = re.fullmatch(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", parameter, re.ASCII)
    return float(match[1]) if match else 0.0
