"""A name that nobody answers for costs what it serves, and nothing else."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from servicekit.name_resolution import (
    Address,
    NameResolver,
    ResolutionFailure,
    TemporaryResolutionFailure,
)
from tests.naming import SystemNames, system_names
from tests.waiting import eventually_async


@pytest.fixture
def system() -> Iterator[SystemNames]:
    with system_names() as system:
        system.addresses = {"here": ["10.0.0.1"], "gone": ["10.0.0.2"], "nobody": []}
        yield system


@pytest.fixture
def resolver(system: SystemNames) -> NameResolver:
    return NameResolver()


async def hosts(resolver: NameResolver, name: str) -> list[str]:
    return sorted(address.host for address in await resolver.resolve(name))


async def until_ended(name: str) -> None:
    """The look-up under way."""
    await eventually_async(
        lambda: [thread.name for thread in threading.enumerate()],
        lambda running: f"look-up {name}" not in running,
    )


@asynccontextmanager
async def at_once() -> AsyncIterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 0.4


async def test_a_name_that_hangs_has_one_look_up_and_keeps_no_other_name_waiting(
    resolver: NameResolver, system: SystemNames
) -> None:
    system.hang("gone")
    callers = [asyncio.create_task(resolver.resolve("gone")) for _ in range(50)]
    await eventually_async(lambda: system.asked["gone"])
    async with at_once():
        assert await hosts(resolver, "here") == ["10.0.0.1"]
    for result in await asyncio.gather(*callers, return_exceptions=True):
        assert isinstance(result, TemporaryResolutionFailure)
    assert system.asked["gone"] == 1


async def test_while_a_name_hangs_new_callers_are_told_at_once(
    resolver: NameResolver, system: SystemNames
) -> None:
    system.hang("gone")
    with pytest.raises(TemporaryResolutionFailure):
        await resolver.resolve("gone")
    async with at_once():
        with pytest.raises(TemporaryResolutionFailure, match="gone"):
            await resolver.resolve("gone")
        with pytest.raises(TemporaryResolutionFailure):
            await asyncio.to_thread(resolver.resolve_blocking, "gone")
    system.go_on("gone")
    await until_ended("gone")
    system.hang("gone")
    async with at_once():  # it had been slow before
        assert await hosts(resolver, "gone") == ["10.0.0.2"]
    system.go_on("gone")
    await until_ended("gone")
    assert await hosts(resolver, "gone") == ["10.0.0.2"]


@pytest.mark.parametrize("hangs", [True, False])
async def test_the_last_good_addresses_are_used_until_there_are_new_ones(
    resolver: NameResolver, system: SystemNames, hangs: bool
) -> None:
    assert await hosts(resolver, "gone") == ["10.0.0.2"]
    if hangs:
        system.hang("gone")
    else:
        system.addresses["gone"] = []
    for _ in range(3):
        assert await hosts(resolver, "gone") == ["10.0.0.2"]
    system.addresses["gone"] = ["10.0.0.3", "10.0.0.4"]
    if hangs:
        system.go_on("gone")
    await until_ended("gone")
    assert await hosts(resolver, "gone") == ["10.0.0.3", "10.0.0.4"]


async def test_a_name_that_is_answered_is_looked_up_for_each_connection(
    resolver: NameResolver, system: SystemNames
) -> None:
    for number in range(3):
        system.addresses["here"] = [f"10.0.1.{number}"]
        assert await hosts(resolver, "here") == [f"10.0.1.{number}"]
    assert system.asked["here"] == 3


async def test_stale_addresses_that_do_not_answer_are_left_alone_for_a_while(
    resolver: NameResolver, system: SystemNames
) -> None:
    assert await hosts(resolver, "gone") == ["10.0.0.2"]
    assert not resolver.mark_unreachable("gone"), "it was looked up just now"
    system.addresses["gone"] = []
    assert await hosts(resolver, "gone") == ["10.0.0.2"]
    assert resolver.mark_unreachable("gone")
    with pytest.raises(TemporaryResolutionFailure):
        await resolver.resolve("gone")
    resolver.mark_reachable("gone")
    assert await hosts(resolver, "gone") == ["10.0.0.2"]
    assert resolver.mark_unreachable("gone")
    system.addresses["gone"] = ["10.0.0.2"]
    assert await hosts(resolver, "gone") == ["10.0.0.2"], "found anew, it is tried at once"


async def test_stale_addresses_are_not_used_for_ever(system: SystemNames) -> None:
    """Another server may have got them."""
    now = 0.0
    resolver = NameResolver(clock=lambda: now)
    await resolver.resolve("gone")
    system.addresses["gone"] = []
    now = 599
    assert await hosts(resolver, "gone") == ["10.0.0.2"]
    now = 600
    with pytest.raises(ResolutionFailure):
        await resolver.resolve("gone")


async def test_a_name_without_addresses_is_told_from_one_that_may_come_back(
    resolver: NameResolver,
) -> None:
    with pytest.raises(ResolutionFailure) as caught:
        await resolver.resolve("nobody")
    assert not isinstance(caught.value, TemporaryResolutionFailure)


@pytest.mark.parametrize("literal", ["127.0.0.1", "::1"])
async def test_an_address_needs_no_look_up(
    resolver: NameResolver, system: SystemNames, literal: str
) -> None:
    (address,) = await resolver.resolve(literal)
    assert address == Address(address.family, literal)
    assert resolver.resolve_blocking(literal) == [address]
    assert not system.asked


async def test_a_caller_that_leaves_takes_nothing_from_the_others(
    resolver: NameResolver, system: SystemNames
) -> None:
    system.hang("gone")
    leaver, stayer = (asyncio.create_task(resolver.resolve("gone")) for _ in range(2))
    await eventually_async(lambda: system.asked["gone"])
    leaver.cancel()
    system.go_on("gone")
    assert [address.host for address in await stayer] == ["10.0.0.2"]
