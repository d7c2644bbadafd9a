"""Orders and guests are named by UUIDs, as text."""

from uuid import UUID


def parse_uuid(text: str | None) -> UUID | None:
    """None for what is not a UUID in the form of RFC 9562 §4, in either case: Python's parser
    takes braces, `urn:uuid:` and missing hyphens too, and one thing is to have one address."""
    try:
        value = UUID(text)
    except (ValueError, TypeError):
        return None
    return value if text is not None and str(value) == text.lower() else None
