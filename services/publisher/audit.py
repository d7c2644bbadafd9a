"""The audit: one line on disk for every 202, so that a loss anywhere behind it can be named.

A line is written before its 202 leaves and survives the process. It is fsynced once a second:
a machine that dies may take the last second with it (the orders themselves are fsynced one by
one in the queue). `python -m housekeeping reconcile` compares the lines with everything else.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from contracts.audit import AuditLine
from services.publisher.audit_file import AuditFile, audit_path

logger = logging.getLogger(__name__)

_SYNC_SECONDS = 1.0


class AuditNotWritten(Exception):
    """Lines of the audit are being lost; the log has them."""


class AuditLog:
    """Lines go to one file, in batches: whoever comes while one is written is in the next."""

    def __init__(self, directory: Path) -> None:
        self._file = AuditFile(audit_path(directory))
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="audit-write")
        self._syncer = ThreadPoolExecutor(1, thread_name_prefix="audit-sync")
        self._writing: asyncio.Task[None] | None = None
        # Why the last write and the last sync failed, None after one that did not.
        self._write_failure: str | None = None
        self._sync_failure: str | None = None

    async def append(self, line: AuditLine) -> None:
        """Return once the line is with the operating system.

        A line that cannot be written does not undo the order, which is durable already: it is
        logged instead, whole, and the process reports itself as degraded (decision 10).
        """
        text = line.model_dump_json()
        try:
            await self._write(text.encode() + b"\n")
        except Exception as error:
            logger.error("audit line not written: %s", _describe(error), extra={"audit": text})

    async def check(self) -> str | None:
        """For the health of this process: raise if lines are being lost."""
        if failure := self._write_failure or self._sync_failure:
            raise AuditNotWritten(failure)
        return f"writing {self._file.path.name}"

    async def _write(self, line: bytes) -> None:
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((line, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await written

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            lines = b"".join(line for line, _ in batch)
            failure: Exception | None = None
            try:
                await loop.run_in_executor(self._writer, self._file.append, lines)
            except Exception as error:  # of any kind: who waits must hear of it
                failure = error
            self._write_failure = None if failure is None else _describe(failure)
            for _, written in batch:
                if written.done():
                    continue  # its request was given up
                if failure is None:
                    written.set_result(None)
                else:
                    written.set_exception(failure)
        self._writing = None

    async def _sync_regularly(self) -> None:
        while True:
            await asyncio.sleep(_SYNC_SECONDS)
            await self._maintain_file()

    async def _maintain_file(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._writer, self._file.reopen_if_moved)
            await self._write(b"")  # nothing, unless half a line has to be ended
            await loop.run_in_executor(self._syncer, self._file.sync)
            self._sync_failure = None
        except Exception as error:
            # Once, not each second: the health check goes on to say so.
            if self._sync_failure != _describe(error):
                logger.error("the audit cannot be written: %s", _describe(error))
            self._sync_failure = _describe(error)

    async def _close(self) -> None:
        await self._maintain_file()
        self._writer.shutdown()
        self._syncer.shutdown()
        self._file.close()


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


@asynccontextmanager
async def open_audit(directory: Path) -> AsyncIterator[AuditLog]:
    """The audit of this process, synced in the background. A folder that cannot be written is
    no reason not to start."""
    audit = AuditLog(directory)
    await audit._maintain_file()
    syncing = asyncio.create_task(audit._sync_regularly())
    try:
        yield audit
    finally:
        syncing.cancel()
        await asyncio.gather(syncing, return_exceptions=True)
        await audit._close()
