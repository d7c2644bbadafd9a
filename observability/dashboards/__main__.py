"""`python -m observability.dashboards [--check]`: write the dashboards' JSON, or complain if
what is there is not what would be written."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from observability.dashboards.data import data
from observability.dashboards.housekeeping import housekeeping
from observability.dashboards.journeys import order, request
from observability.dashboards.kubernetes import kubernetes
from observability.dashboards.load_test import load_test
from observability.dashboards.logs import logs
from observability.dashboards.nodes import nodes
from observability.dashboards.order_pipeline import order_pipeline
from observability.dashboards.overview import overview
from observability.dashboards.panels import Json
from observability.dashboards.request_path import request_path
from observability.dashboards.telemetry_health import telemetry_health

FOLDER = Path(__file__).parents[1] / "grafana" / "dashboards"
DASHBOARDS: Mapping[str, Callable[[], Json]] = {
    "overview": overview,
    "request-path": request_path,
    "order-pipeline": order_pipeline,
    "data": data,
    "nodes": nodes,
    "logs": logs,
    "telemetry": telemetry_health,
    "load-test": load_test,
    "housekeeping": housekeeping,
    "kubernetes": kubernetes,
    "request": request,
    "order": order,
}


def render() -> Mapping[str, str]:
    """File name → JSON."""
    return {
        f"{stem}.json": json.dumps(create(), indent=1, ensure_ascii=False) + "\n"
        for stem, create in DASHBOARDS.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m observability.dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(arguments).check
    wanted = render()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    if check:
        wrong = sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))
        for name in wrong:
            print(
                f"{name} is not what `python -m observability.dashboards` writes", file=sys.stderr
            )
        return 1 if wrong else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
