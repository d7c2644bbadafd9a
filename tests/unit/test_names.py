"""A name that nobody answers for costs what it serves, and nothing else."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from servicekit.name_resolution import Address, Names, NoAddress, NoAddressInTime
from tests.naming import SystemNames, system_names

AT_ONCE_SECONDS = 0.4


@pytest.fixture
def system() -> Iterator[SystemNames]:
    with system_names() as system:
        system.addresses = {"here": ["10.0.0.1"], "gone": ["10.0.0.2"], "nobody": []}
        yield system


@pytest.fixture
def names(system: SystemNames) -> Names:
    return Names()


async def hosts(names: Names, name: str) -> list[str]:
    return sorted(address.host for address in await names.find(name))


async def until_answered(names: Names, name: str) -> list[str]:
    """What it finds once the look-up under way has ended."""
    await until_ended(name)
    return await hosts(names, name)


async def until_ended(name: str) -> None:
    async with asyncio.timeout(30):
        while f"look-up {name}" in {thread.name for thread in threading.enumerate()}:
            await asyncio.sleep(0.01)


async def test_a_name_that_hangs_has_one_look_up_and_keeps_no_other_name_waiting(
    names: Names, system: SystemNames
) -> None:
    system.hang("gone")
    callers = [asyncio.create_task(names.find("gone")) for _ in range(50)]
    while not system.asked["gone"]:
        await asyncio.sleep(0)
    began = time.monotonic()
    assert await hosts(names, "here") == ["10.0.0.1"]
    assert time.monotonic() - began < AT_ONCE_SECONDS
    for result in await asyncio.gather(*callers, return_exceptions=True):
        assert isinstance(result, NoAddressInTime)
    assert system.asked["gone"] == 1


async def test_who_comes_while_a_name_hangs_is_told_at_once(
    names: Names, system: SystemNames
) -> None:
    system.hang("gone")
    with pytest.raises(NoAddressInTime):
        await names.find("gone")
    began = time.monotonic()
    with pytest.raises(NoAddressInTime, match="gone"):
        await names.find("gone")
    with pytest.raises(NoAddressInTime):
        await asyncio.to_thread(names.find_blocking, "gone")
    assert time.monotonic() - began < AT_ONCE_SECONDS
    system.go_on("gone")
    await until_ended("gone")
    system.hang("gone")
    began = time.monotonic()
    assert await hosts(names, "gone") == ["10.0.0.2"]
    assert time.monotonic() - began < AT_ONCE_SECONDS, "it had been slow before"
    system.go_on("gone")
    assert await until_answered(names, "gone") == ["10.0.0.2"]


@pytest.mark.parametrize("fault", ["hangs", "is unknown"])
async def test_the_last_good_addresses_are_used_until_there_are_new_ones(
    names: Names, system: SystemNames, fault: str
) -> None:
    assert await hosts(names, "gone") == ["10.0.0.2"]
    if fault == "hangs":
        system.hang("gone")
    else:
        system.addresses["gone"] = []
    for _ in range(3):
        assert await hosts(names, "gone") == ["10.0.0.2"]
    system.addresses["gone"] = ["10.0.0.3", "10.0.0.4"]
    if fault == "hangs":
        system.go_on("gone")
    assert await until_answered(names, "gone") == ["10.0.0.3", "10.0.0.4"]


async def test_each_connection_asks_anew_for_a_name_that_is_answered(
    names: Names, system: SystemNames
) -> None:
    for number in range(3):
        system.addresses["here"] = [f"10.0.1.{number}"]
        assert await hosts(names, "here") == [f"10.0.1.{number}"]
    assert system.asked["here"] == 3


async def test_kept_addresses_that_do_not_answer_are_left_alone_for_a_while(
    names: Names, system: SystemNames
) -> None:
    assert await hosts(names, "gone") == ["10.0.0.2"]
    assert not names.lost("gone"), "it was looked up just now"
    system.addresses["gone"] = []
    assert await hosts(names, "gone") == ["10.0.0.2"]
    assert names.lost("gone")
    with pytest.raises(NoAddressInTime):
        await names.find("gone")
    system.addresses["gone"] = ["10.0.0.2"]
    assert await hosts(names, "gone") == ["10.0.0.2"], "found anew, it is tried at once"


async def test_addresses_are_not_kept_for_ever(system: SystemNames) -> None:
    """Somebody else may have got them."""
    now = 0.0
    names = Names(clock=lambda: now)
    await names.find("gone")
    system.addresses["gone"] = []
    now = 599
    assert await hosts(names, "gone") == ["10.0.0.2"]
    now = 600
    with pytest.raises(NoAddress):
        await names.find("gone")


async def test_a_name_that_nobody_has_is_told_from_one_that_may_come_back(names: Names) -> None:
    with pytest.raises(NoAddress) as caught:
        await names.find("nobody")
    assert not isinstance(caught.value, NoAddressInTime)


@pytest.mark.parametrize("literal", ["127.0.0.1", "::1"])
async def test_an_address_needs_no_look_up(names: Names, system: SystemNames, literal: str) -> None:
    (address,) = await names.find(literal)
    assert address == Address(address.family, literal)
    assert not system.asked


async def test_a_caller_that_leaves_takes_nothing_from_the_others(
    names: Names, system: SystemNames
) -> None:
    system.hang("gone")
    leaver, stayer = (asyncio.create_task(names.find("gone")) for _ in range(2))
    while not system.asked["gone"]:
        await asyncio.sleep(0)
    leaver.cancel()
    system.go_on("gone")
    assert [address.host for address in await stayer] == ["10.0.0.2"]
