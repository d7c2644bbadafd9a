"""The query of `GET /api/products`: what is allowed, and its one normal form."""

import hashlib
import json
import re
from functools import cached_property
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from contracts.orders import MAX_PRODUCT_ID
from contracts.products import (
    DEFAULT_PAGE_SIZE,
    MAX_BRAND_LENGTH,
    MAX_IDS,
    MAX_PAGE,
    MAX_PAGE_SIZE,
    MAX_PRICE_IDR,
    MAX_QUERY_LENGTH,
    MAX_QUERY_WORDS,
    ProductSort,
)
from contracts.text import remove_invisible
from database.words import words_of


def _digits(value: object) -> object:
    # Pydantic also takes "1_000", "+5" and "1.0".
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,19}", value):
        raise ValueError("must be a whole number")
    return value


def _visible(value: object) -> object:
    return remove_invisible(value) if isinstance(value, str) else value


def _few_words(text: str) -> str:
    if len(words_of(text)) > MAX_QUERY_WORDS:
        raise ValueError(f"must not have more than {MAX_QUERY_WORDS} words")
    return text


def _plausible_ids(text: str) -> str:
    parts = text.split(",") if text else []
    if len(parts) > MAX_IDS:
        raise ValueError(f"must not have more than {MAX_IDS} ids")
    for part in parts:
        if not re.fullmatch(r"[0-9]{1,19}", part) or not 1 <= int(part) <= MAX_PRODUCT_ID:
            raise ValueError("must be product ids, separated by commas")
    return text


Whole = BeforeValidator(_digits)
Visible = BeforeValidator(_visible)
Price = Annotated[int, Field(ge=0, le=MAX_PRICE_IDR), Whole]


class ProductQuery(BaseModel):
    """All filters apply together. An empty value is no filter, as a form sends it; unknown
    parameters are ignored; of a repeated one the last counts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    # Beginnings of words of brand, collection and name, in any order. All must match; case and
    # accents do not matter.
    q: Annotated[str, Field(max_length=MAX_QUERY_LENGTH), AfterValidator(_few_words)] = ""
    # As `/api/brands` spells it.
    brand: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=MAX_BRAND_LENGTH), Visible
    ] = ""
    min_price: Price | None = None
    max_price: Price | None = None
    sort: ProductSort = ProductSort.NAME
    page: Annotated[int, Field(ge=1, le=MAX_PAGE), Whole] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE), Whole] = DEFAULT_PAGE_SIZE
    ids: Annotated[str, AfterValidator(_plausible_ids)] = ""

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if value != ""}
        return values

    @field_validator("max_price")
    @classmethod
    def _not_below_min_price(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value < (info.data.get("min_price") or 0):
            raise ValueError("must not be below min_price")
        return value

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words that matter, sorted: one that begins another says nothing more."""
        words = sorted(words_of(self.q))
        return tuple(
            word
            for number, word in enumerate(words)
            # Sorted, so that the words which begin with this one follow it at once.
            if not any(other.startswith(word) for other in words[number + 1 : number + 2])
        )

    @property
    def finds_nothing(self) -> bool:
        """Something was searched for that has no letter and no digit."""
        return bool(self.q.strip()) and not self.words

    @cached_property
    def product_ids(self) -> tuple[int, ...]:
        return tuple(sorted({int(part) for part in self.ids.split(",") if part}))

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.page_size

    @cached_property
    def found(self) -> tuple[object, ...]:
        """What decides which products are found; neither their order nor the page."""
        words, prices = (self.words, self.finds_nothing), (self.min_price or None, self.max_price)
        return (*words, self.brand, self.product_ids, *prices)

    def cache_key(self) -> str:
        """The same for queries that mean the same, and short whatever was typed."""
        meaning = [*self.found, self.sort, self.page, self.page_size]
        return f"products:{hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:40]}"
