"""What the gateway said last of the catalogue, for when nobody can say it anew."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from contracts.products import Product, ProductPage
from servicekit.recent import Recent

# About five thousand watches, or forty lists of a hundred.
_MAX_BYTES = 4 * 2**20


class Known:
    """An answer and when it came. Its stock was true then, so that it is left out."""

    def __init__(self, model: type[Any], body: bytes, at: float) -> None:
        self._model, self.body, self.at = model, body, at
        self._parsed: Any = None
        self._shown: bytes | None = None

    @property
    def parsed(self) -> Any:
        if self._parsed is None:
            self._parsed = _without_stock(
                self._model.model_validate_json(self.body, extra="ignore")
            )
        return self._parsed

    @property
    def without_stock(self) -> bytes:
        if self._shown is None:
            self._shown = self.parsed.model_dump_json().encode()
        return self._shown

    @property
    def products(self) -> tuple[Product, ...]:
        match self.parsed:
            case Product() as one:
                return (one,)
            case ProductPage(items=items):
                return items
            case _:
                return ()


class LastKnown:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: Recent[str, Known] = Recent(_MAX_BYTES)

    def keep(self, target: str, model: type[Any], body: bytes) -> None:
        """A whole answer to what was asked by `target`."""
        known = self._kept.get(target)
        if known is not None and known.body == body:
            known.at = self._clock()
        else:
            self._kept.put(target, Known(model, body, self._clock()), len(body) + len(target))

    def recall(self, target: str) -> Known | None:
        return self._kept.get(target)

    def age_seconds(self, known: Known) -> int:
        return int(self._clock() - known.at)

    def find(self, product_ids: Iterable[int]) -> dict[int, Product]:
        """Those of these watches that any answer had."""
        wanted = set(product_ids)
        found: dict[int, Product] = {}
        for known in self._kept.values():
            if wanted <= found.keys():
                break
            # The latest answer that has it.
            seen = {one.product_id: one for one in known.products if one.product_id in wanted}
            found = seen | found
        return found


def _without_stock(model: Any) -> Any:
    match model:
        case Product():
            return model.model_copy(update={"stock": None})
        case ProductPage():
            items = tuple(one.model_copy(update={"stock": None}) for one in model.items)
            return model.model_copy(update={"items": items})
        case _:
            return model
