"""Who watches those that watch: if no alert could come any more, one is made here."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx

from alert_page.alerts import ANSWER_SECONDS, AWAY, Delivered
from alert_page.settings import Settings
from servicekit.http_client.client import open_http_client

logger = logging.getLogger(__name__)

# Named as a part, though it is the whole way: rules, vmalert, Alertmanager, and from there to here.
THE_WAY = "watchdog"
_LOOK_SECONDS = 3


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class Watch:
    """Tells Alertmanager of each part that does not answer, and when it does again. While
    Alertmanager itself is away the page alone says so."""

    def __init__(
        self, settings: Settings, alertmanager: httpx.AsyncClient, delivered: Delivered
    ) -> None:
        self._settings, self._alertmanager, self._delivered = settings, alertmanager, delivered
        self._well_at: dict[str, float] = dict.fromkeys(settings.watched, time.monotonic())
        self._told: set[str] = set()

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            # Not httpx's own transport: a few look-ups of a name that is away would hold the
            # threads that Alertmanager's name needs as well.
            clients = {
                part: await stack.enter_async_context(open_http_client(origin_of(url)))
                for part, url in self._settings.watched.items()
            }
            while True:
                await asyncio.gather(*(self._look(clients[part], part) for part in clients))
                await self.tell()
                await asyncio.sleep(self._settings.watch_seconds)

    async def _look(self, client: httpx.AsyncClient, part: str) -> None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                answer = await client.get(self._settings.watched[part])
            if answer.is_success:
                self._well_at[part] = time.monotonic()
        except AWAY:
            pass

    def broken(self) -> dict[str, float]:
        """Part → seconds for which it has been away."""
        now = time.monotonic()
        away = {part: now - at for part, at in self._well_at.items()}
        long = {
            part: seconds
            for part, seconds in away.items()
            if seconds > self._settings.patience_seconds
        }
        silent = now - self._delivered.watchdog_at
        return {**long, **({THE_WAY: silent} if silent > self._settings.watchdog_seconds else {})}

    async def tell(self) -> None:
        """Also of what is well again, once; what nobody repeats would end by itself."""
        broken = self.broken()
        alerts = [_alert(part, broken.get(part), self._settings) for part in {*broken, *self._told}]
        if not alerts:
            return
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._alertmanager.post("/api/v2/alerts", json=alerts)
            answer.raise_for_status()
        except AWAY as error:
            logger.warning("Alertmanager was not told of %s: %r", ", ".join(broken), error)
        else:
            self._told = set(broken)


def _alert(part: str, seconds: float | None, settings: Settings) -> Mapping[str, object]:
    now = datetime.now(UTC)
    ends = now + timedelta(seconds=4 * settings.watch_seconds) if seconds is not None else now
    return {
        "labels": {"alertname": "AlertingBroken", "part": part, "severity": "page"},
        "annotations": {
            "summary": f"{part} has not answered for {seconds or 0:.0f} s: no other alert can come",
            "description": "Told by the page of alerts itself, which asks those that watch.",
            "runbook_url": "docs/runbooks/watching.md#alertingbroken",
        },
        "endsAt": ends.isoformat(),
    }
