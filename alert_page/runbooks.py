"""What the runbooks say about an alert: `docs/runbooks/<page>.md#<alert>`, as text."""

import re
from pathlib import Path

_PLACE = re.compile(r"docs/runbooks/([a-z-]+\.md)#([a-z]+)")


def section(folder: Path, place: str) -> str:
    """Without its heading; empty if there is none such."""
    if not (named := _PLACE.fullmatch(place)):
        return ""
    page = folder / named[1]
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        if heading.strip().lower() == named[2]:
            return body.strip()
    return ""
