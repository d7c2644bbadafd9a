"""`python -m observability.plots <data> <folder>`: a picture of each dashboard."""

import json
import sys
from pathlib import Path

from observability.plots.picture import draw


def main(data: str, folder: str) -> None:
    read = json.loads(Path(data).read_text(encoding="utf-8"))
    Path(folder).mkdir(parents=True, exist_ok=True)
    for stem, dashboard in read["dashboards"].items():
        draw(dashboard, read["date"], Path(folder) / f"{stem}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
