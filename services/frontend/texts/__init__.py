"""What pages say, one file per language; both have the same keys."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.frontend.language import Language

__all__ = ["Texts", "read_texts"]


class Texts:
    """The texts of one language: `text("cart.title")`, `text("cart.reduce", n=3)`."""

    def __init__(self, language: Language, texts: Mapping[str, str]) -> None:
        self.language = language
        self.texts = texts

    def __call__(self, key: str, **values: object) -> str:
        """Raises KeyError for a key that is not there: a page must not show its name."""
        text = self.texts[key]
        return text.format(**values) if values else text

    def count(self, key: str, number: int, shown: str | None = None) -> str:
        """The form for `number`, which it shows as `shown`."""
        form = "one" if number == 1 else "other"
        return self(f"{key}.{form}", n=shown or number)

    def label(self, kind: str, code: str) -> str:
        """What a code of the catalogue is called; itself if the catalogue is ahead of us."""
        return self.texts.get(f"{kind}.{code}", code.replace("_", " "))


def read_texts() -> dict[Language, Texts]:
    return {language: Texts(language, dict(_flatten(_load(language), ""))) for language in Language}


def _load(language: Language) -> dict[str, Any]:
    path = Path(__file__).parent / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _flatten(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
