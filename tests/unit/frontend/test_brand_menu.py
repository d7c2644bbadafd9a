"""The brands are asked for once a minute, and remembered when they cannot be."""

from typing import Any

import pytest

from contracts.products import BrandList
from servicekit.problems import ServiceUnavailable
from servicekit.recent import Recent
from services.frontend.brand_menu import BrandMenu
from services.frontend.gateway_client import Answer


class Gateway:
    def __init__(self) -> None:
        self.asked, self.body = 0, b'{"items":[{"brand":"Samudra","products":30}]}'
        self.available = True

    async def fetch_brands(self) -> Answer[BrandList]:
        self.asked += 1
        if not self.available:
            raise ServiceUnavailable("away")
        return Answer(BrandList, self.body, Recent(10_000))


async def test_brands_are_asked_for_once_a_minute_and_known_when_they_cannot_be() -> None:
    gateway: Any = Gateway()
    now = 1000.0
    menu = BrandMenu(gateway, clock=lambda: now)
    gateway.available = False
    assert menu.recall() is None
    for _ in range(2):
        with pytest.raises(ServiceUnavailable):
            await menu.fetch()
        assert menu.recall() is None
    gateway.available = True
    first = await menu.fetch()
    assert first.read() is first.read(), "parsed once"
    now += 59
    assert menu.recall() is first
    now += 2
    assert menu.recall() is None
    gateway.available = False
    assert await menu.fetch() is first
    assert menu.recall() is first
    now += 61
    gateway.available, gateway.body = True, b'{"items":[]}'
    assert (await menu.fetch()).read().items == ()
    assert gateway.asked == 5
