"""`python -m observability.dashboards [--check]`: write the dashboards' JSON, or complain if
what is there is not what would be written."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from observability.dashboards.housekeeping import housekeeping
from observability.dashboards.journeys import order, request
from observability.dashboards.kubernetes import kubernetes
from observability.dashboards.overview import overview

FOLDER = Path(__file__).parents[1] / "grafana" / "dashboards"


def render() -> Mapping[str, str]:
    """File name → JSON."""
    dashboards = {
        "overview.json": overview(),
        "request.json": request(),
        "order.json": order(),
        "kubernetes.json": kubernetes(),
        "housekeeping.json": housekeeping(),
    }
    return {
        name: json.dumps(dashboard, indent=1, ensure_ascii=False) + "\n"
        for name, dashboard in dashboards.items()
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
