"""The brands that the catalogue can be narrowed to, kept between requests: they change when the
shop takes in other watches, and a page waits for one answer of the gateway in place of two."""

import time
from collections.abc import Callable

from contracts.products import BrandList
from servicekit.problems import Problem
from services.frontend.gateway_client import Answer, GatewayClient

_BELIEVED_SECONDS = 60.0


class BrandMenu:
    """At most a minute behind, or as it was last known while it cannot be asked for."""

    def __init__(
        self, gateway: GatewayClient, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gateway, self._clock = gateway, clock
        self._known: Answer[BrandList] | None = None
        self._ask_again_at = 0.0

    def recall(self) -> Answer[BrandList] | None:
        """What is known, if it need not be asked for anew."""
        return self._known if self._clock() < self._ask_again_at else None

    async def fetch(self) -> Answer[BrandList]:
        """Raises what the gateway client raises if nothing is known yet."""
        # One asks; who comes meanwhile takes what is known.
        known, self._ask_again_at = self._known, self._clock() + _BELIEVED_SECONDS
        try:
            answer = await self._gateway.fetch_brands()
            answer.read()
        except Problem:
            if known is None:
                raise
            return known
        self._known = answer
        return answer
