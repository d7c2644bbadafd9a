"""Starts everything in order, waits until it is ready, and stops it in reverse order."""

import asyncio
import os
import signal
import time
from asyncio import Future, Task
from collections.abc import Sequence
from typing import Any

from local.child import Child, ChildFailed, ChildSpec, Spawner
from local.console import say
from local.exit_status import describe, wait_until_writable
from local.plan import Plan
from local.supervisor import TERMINATE
from servicekit.signals import not_ignored

# A cold start on a busy small machine takes some ten seconds.
READY_TIMEOUT_SECONDS = 120.0
_PARENT_POLL_SECONDS = 0.5


class Launcher:
    """One run. `run` returns the exit code: 0 if everything ended as it should."""

    def __init__(self, plan: Plan, spawner: Spawner, *, parent: int | None) -> None:
        self._plan, self._spawner = plan, spawner
        self._parent = parent
        self._running: list[tuple[Child, Task[int]]] = []  # in the order of their start
        self._ended_badly = False

    async def run(self) -> int:
        self._interrupted = asyncio.Event()
        self._failure: Future[None] = asyncio.get_running_loop().create_future()
        self._listen_to_signals()
        opening = asyncio.create_task(self._open())
        waits: list[Future[Any]] = [
            self._failure,
            asyncio.create_task(self._interrupted.wait()),
            asyncio.create_task(self._wait_for_parent_exit()),
        ]
        try:
            await asyncio.wait([opening, *waits], return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                opening.result()
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if self._failure.done():
                self._failure.result()
        except ChildFailed as failure:
            say("arloji", str(failure), "bad")
            self._ended_badly = True
        finally:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            await self._close()
        return 1 if self._ended_badly else 0

    async def _open(self) -> None:
        began = time.monotonic()
        children = [self._start(spec, stops_last=True) for spec in self._plan.backing_services()]
        # At once: what each loads takes longer than the jobs, and none is ready before its schema.
        children += [self._start(spec) for spec in self._plan.services()]
        for spec in self._plan.init_jobs():
            await self._run_job(spec)
        await self._wait_until_ready(children)
        say("arloji", f"ready after {time.monotonic() - began:.1f} s", "good")
        for line in self._plan.ready_lines():
            say("", line)

    def _start(self, spec: ChildSpec, *, stops_last: bool = False) -> Child:
        child = Child(spec, self._spawner, stops_last=stops_last)
        task = asyncio.create_task(child.keep_running(), name=spec.name)
        task.add_done_callback(self._note_failure)
        self._running.append((child, task))
        return child

    def _note_failure(self, task: Task[int]) -> None:
        error = task.exception()
        if error is not None and not self._failure.done():
            self._failure.set_exception(error)

    async def _run_job(self, spec: ChildSpec) -> None:
        """Run a command until it succeeds once; if the run is stopped meanwhile, so is the
        command. It fails for good only where there is space on the disk."""
        what = " and ".join(spec.command[3:])
        say(spec.name, what)
        while code := await self._run_command(spec):
            if await wait_until_writable(self._spawner.folder, spec.name, code, asyncio.Event()):
                continue
            log = self._spawner.folder.log(spec.name)
            raise ChildFailed(spec.name, f"{what} failed ({describe(code)})", log)

    async def _run_command(self, spec: ChildSpec) -> int:
        process = await self._spawner.spawn(spec, stops_last=False)
        assert process.stdin is not None
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.stdin.write(TERMINATE)
                await process.wait()

    async def _wait_until_ready(self, children: Sequence[Child]) -> None:
        async def announce(child: Child) -> None:
            await child.ready.wait()
            say(child.spec.name, "ready", "good")

        announcing = [asyncio.create_task(announce(child)) for child in children]
        try:
            while (await asyncio.wait(announcing, timeout=READY_TIMEOUT_SECONDS))[1]:
                if self._spawner.folder.write_error() is None:
                    late = next(child for child in children if not child.ready.is_set())
                    after = f"{READY_TIMEOUT_SECONDS:.0f} s"
                    what = f"is not ready after {after} ({late.last_answer!r})"
                    log = self._spawner.folder.log(late.spec.name)
                    raise ChildFailed(late.spec.name, what, log)
        finally:
            for task in announcing:
                task.cancel()

    async def _close(self) -> None:
        """In reverse order, one after the other: a client ends before its server."""
        say("arloji", "stopping (Ctrl-C again kills what is left)")
        for child, task in reversed(self._running):
            child.stop()
            (result,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(result, BaseException):
                continue  # the failure that ended the run
            say(child.spec.name, "stopped" if result == 0 else f"ended with {describe(result)}")
            self._ended_badly |= result != 0
        say("arloji", f"stopped; the data stays in {self._spawner.folder.path}")

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in not_ignored(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._interrupt)

    def _interrupt(self) -> None:
        if self._interrupted.is_set():
            for child, _ in self._running:
                child.kill()
        self._interrupted.set()

    async def _wait_for_parent_exit(self) -> None:
        """Return once the process that started us is gone, if we are to end with it.

        It is named from outside: it may be gone before we could ask who it is.
        """
        # Nothing portable tells it; asking does.
        while self._parent is None or os.getppid() == self._parent:  # noqa: ASYNC110
            await asyncio.sleep(_PARENT_POLL_SECONDS)
