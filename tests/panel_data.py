"""`python -m tests.panel_data <file>`: what the panels of the main dashboards show of a shop that
was visited for minutes and had trouble, for observability/plots to draw."""

import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.panels import Panels, legend
from tests.promql import DASHBOARDS, panels
from tests.watched_shop import WatchedShop, running_watched_shop

DRAWN = ("overview", "request-path", "order-pipeline", "telemetry", "load-test")
# All well, no consumer, well again, an unreadable entry and a publisher that dies, well again.
PHASES_SECONDS = (100, 25, 60, 0, 75)
CUSTOMERS = 3


def go_through(shop: WatchedShop) -> int:
    """Returns how many seconds all of it took."""
    began = time.monotonic()
    well, alone, again, _, end = PHASES_SECONDS
    be_visited(shop, well)
    shop.stack.pause("consumer")
    be_visited(shop, alone)
    shop.stack.resume("consumer")
    be_visited(shop, again)
    shop.have_trouble()
    be_visited(shop, end)
    return round(time.monotonic() - began)


def be_visited(shop: WatchedShop, seconds: int) -> None:
    with ThreadPoolExecutor(CUSTOMERS) as customers:
        list(customers.map(lambda _: shop.be_visited(seconds), range(CUSTOMERS)))


def read_panel(panel: dict[str, Any], shown: Panels, seconds: int) -> dict[str, Any]:
    series, lines = [], []
    for target in panel["targets"]:
        if target["datasource"]["uid"] == "vt":
            continue
        for one in shown.ask(target, seconds, step="5s"):
            if "values" not in one:
                lines.append(f"{one['_time'][11:19]}  {one['service.name']}  {one['_msg']}")
            else:
                name = legend(target, one["metric"])
                series.append({"name": name, "values": one["values"]})
    return {**panel, "series": series, "lines": lines[-20:]}


def main(file: str) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_watched_shop(Path(folder)) as shop,
    ):
        seconds = go_through(shop)
        shown = Panels(shop.pipeline.metrics, shop.pipeline.logs)
        dashboards = {
            path.stem: {
                "title": json.loads(path.read_text())["title"],
                "panels": [read_panel(panel, shown, seconds) for panel in panels(path)],
            }
            for path in DASHBOARDS
            if path.stem in DRAWN
        }
        read = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "dashboards": dashboards}
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(json.dumps(read))


if __name__ == "__main__":
    main(sys.argv[1])
