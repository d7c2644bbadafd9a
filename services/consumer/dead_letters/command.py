"""`python -m services.consumer.dead_letters list|show|replay|drop`: look at the orders that could
not be stored, send them again, or give them up."""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from contracts.orders import DeadLetterReason
from contracts.queue import FIELD_REASON
from servicekit.redis import create_redis
from servicekit.settings import InvalidSettings, read_settings
from services.consumer.dead_letters.store import DeadLetter, DeadLetters
from services.consumer.messages import STREAM
from services.consumer.repository import DatabaseUnavailable, describe_error, open_repository
from services.consumer.settings import StoreSettings

_WIDTHS = {"id": 20, "reason": 20, "deliveries": 10, "order_id": 36, "dead_since": 25}

Found = AsyncIterator[DeadLetter]
Act = Callable[[DeadLetter], Awaitable[str]]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m services.consumer.dead_letters", description=__doc__
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="one line for each, nothing personal")
    for name, what in (
        ("show", "everything there is, the customer's data included"),
        ("replay", "back into the stream, to be delivered again"),
        ("drop", "reject the order and delete the dead letter"),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("ids", nargs="*", metavar="ID", help="as `list` shows it")
        command.add_argument("--all", action="store_true", help="every dead letter")
    for name in ("list", "show"):
        commands.choices[name].add_argument("--json", action="store_true", help="as an array")
    chosen = parser.parse_args(arguments)
    if chosen.command != "list" and bool(chosen.ids) == chosen.all:
        commands.choices[chosen.command].error("name one or more IDs, or give --all")
    return chosen


async def run(chosen: argparse.Namespace, settings: StoreSettings) -> int:
    """The exit code: 1 if a dead letter that was named is not there."""
    async with AsyncExitStack() as stack:
        queue = create_redis(settings.queue_redis_url, timeout_seconds=5)
        stack.push_async_callback(queue.aclose)
        await queue.ping()  # before anything is printed
        repository = await stack.enter_async_context(open_repository(settings.database_url))
        dead_letters = DeadLetters(queue, STREAM, repository)
        ids = list(dict.fromkeys(getattr(chosen, "ids", ())))
        found = _select(dead_letters, ids)
        match chosen.command:
            case "list" | "show" if chosen.json:
                number = await _print_array(found, whole=chosen.command == "show")
            case "list":
                number = await _print_table(found)
            case "show":
                number = await _print_each(found, _in_full)
            case "replay":
                number = await _print_each(found, _replaying(dead_letters))
            case _:
                number = await _print_each(found, _dropping(dead_letters))
    return 0 if number == len(ids) or not ids else 1


async def _select(dead_letters: DeadLetters, ids: Sequence[str]) -> Found:
    """Those named, or all; at most a page of them in memory."""
    if not ids:
        async for dead_letter in dead_letters.list_entries():
            yield dead_letter
    for dead_letter_id in ids:
        named = await dead_letters.find(dead_letter_id)
        if named is not None:
            yield named
        else:
            print(f"there is no dead letter {dead_letter_id}", file=sys.stderr)


async def _print_each(found: Found, act: Act) -> int:
    number = 0
    async for dead_letter in found:
        print(await act(dead_letter), flush=True)
        number += 1
    return number


async def _print_table(found: Found) -> int:
    async def row(dead_letter: DeadLetter) -> str:
        about = dead_letter.summary
        return "  ".join((about[name] or "-").ljust(width) for name, width in _WIDTHS.items())

    print("  ".join(name.upper().ljust(width) for name, width in _WIDTHS.items()))
    number = await _print_each(found, row)
    print(f"{number} dead letters")
    return number


async def _print_array(found: Found, *, whole: bool) -> int:
    number = 0
    print("[")
    async for dead_letter in found:
        about = dead_letter.summary | ({"order": dead_letter.message} if whole else {})
        print(("," if number else "") + json.dumps(about))
        number += 1
    print("]")
    return number


async def _in_full(dead_letter: DeadLetter) -> str:
    lines = [f"{name:<11} {value or '-'}" for name, value in dead_letter.summary.items()]
    return "\n".join([*lines, f"{'order':<11} {json.dumps(dead_letter.message)}", ""])


def _replaying(dead_letters: DeadLetters) -> Act:
    async def replay(dead_letter: DeadLetter) -> str:
        await dead_letters.replay(dead_letter)
        if dead_letter.text(FIELD_REASON) == DeadLetterReason.KEY_REUSE:
            return (
                f"replayed {dead_letter.dead_letter_id}; it will come back: the first order under"
                " this key stands. Drop it instead"
            )
        return f"replayed {dead_letter.dead_letter_id}"

    return replay


def _dropping(dead_letters: DeadLetters) -> Act:
    async def drop(dead_letter: DeadLetter) -> str:
        if await dead_letters.drop(dead_letter):
            return f"dropped {dead_letter.dead_letter_id}; its order is rejected"
        return f"dropped {dead_letter.dead_letter_id}; no order was changed"

    return drop


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse_arguments(arguments)
    try:
        return asyncio.run(run(chosen, read_settings(StoreSettings)))
    except (RedisError, OSError) as error:
        print(f"the queue cannot be asked: {error}", file=sys.stderr)
    except DatabaseUnavailable as error:
        print(f"the database cannot be asked: {error}; nothing was dropped", file=sys.stderr)
    except SQLAlchemyError as error:
        print(f"the order cannot be rejected: {describe_error(error)}", file=sys.stderr)
    except InvalidSettings as error:
        print(f"not started: {error}", file=sys.stderr)
        return 2
    return 1
