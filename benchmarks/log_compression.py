"""`python -m benchmarks.log_compression`: how much smaller a day of the shop's logs is in
VictoriaLogs and in rotated files. docs/housekeeping.md shows the result.

A real embedded shop is visited; its lines, and those of nginx about the same requests, are
multiplied with ids, times and clients of their own. VictoriaLogs runs with compose's flags, and
zstd with the options of logrotate's configuration.
"""

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.processes import program
from benchmarks.shop_logs import Request, multiply, record
from local.free_port import free_port
from local.layout import ROOT

_BATCH_LINES = 2000
_SETTLED_SECONDS = 300
_SIZES = ("uncompressed", "compressed")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--requests", type=int, default=200_000, help="of the day")
    parser.add_argument("--visits", type=int, default=60, help="of the real shop, to multiply")
    parser.add_argument(
        "--victoria-logs",
        default=shutil.which("victoria-logs"),
        metavar="PROGRAM",
        help="from PATH, if nothing is said",
    )
    options = parser.parse_args()
    zstd = shutil.which("zstd")
    if not options.victoria_logs or not zstd:
        raise SystemExit("needs victoria-logs (--victoria-logs) and zstd on PATH")
    with TemporaryDirectory(prefix="arloji-logs-") as name:
        folder = Path(name)
        recorded = record(folder, options.visits)
        files = write_day(folder, recorded, options.requests)
        versions = [_version(zstd, "--version"), _version(options.victoria_logs, "-version")]
        print(f"{options.requests} requests from {len(recorded)} real ones;", *versions)
        print(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}")
        for file in files:
            show(f"rotated file of {file.stem}", file.stat().st_size, compressed(zstd, file))
        show("VictoriaLogs, all of them", *stored(options.victoria_logs, folder, files))
    return 0


def write_day(folder: Path, recorded: list[Request], count: int) -> list[Path]:
    """A file for each writer, the largest first."""
    logs = folder / "day"
    logs.mkdir()
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    writers: dict[str, list[str]] = {}
    for writer, line in multiply(recorded, count, day):
        writers.setdefault(writer, []).append(f"{line}\n")
    for writer, lines in writers.items():
        (logs / f"{writer}.log").write_text("".join(lines))
    return sorted(logs.iterdir(), key=lambda path: path.stat().st_size, reverse=True)


def compressed(zstd: str, file: Path) -> int:
    """As logrotate does it."""
    configuration = (ROOT / "housekeeping" / "rotate_logs" / "common.conf").read_text()
    (given,) = re.findall(r"^compressoptions (.*)$", configuration, re.MULTILINE)
    command = [zstd, *given.split(), "--stdout"]
    with file.open("rb") as content:
        return len(subprocess.run(command, stdin=content, capture_output=True, check=True).stdout)


def stored(server: str, folder: Path, files: list[Path]) -> tuple[int, int]:
    """Bytes of the lines, and of the folder of VictoriaLogs when everything is merged."""
    port, data = free_port(), folder / "victoria-logs"
    url = f"http://127.0.0.1:{port}"
    command = [server, *_compose_flags(), f"-storageDataPath={data}"]
    command.append(f"-httpListenAddr=127.0.0.1:{port}")
    with httpx.Client(base_url=url, trust_env=False, timeout=120) as client:

        def answers() -> bool:
            try:
                return client.get("/health").is_success
            except httpx.TransportError:
                return False

        with program(command, folder / "victoria-logs.log", answers):
            for batch in _batches(files):
                fields = {"_stream_fields": "service.name,service.namespace"}
                fields |= {"_time_field": "time", "_msg_field": "message"}
                client.post("/insert/jsonline", params=fields, content=batch).raise_for_status()
            _settle(client)
            metrics = client.get("/metrics").text
    sizes = [sum(_values(metrics, f"vl_{one}_data_size_bytes")) for one in _SIZES]
    show("VictoriaLogs, by its own metrics", sizes[0], sizes[1])
    on_disk = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    return sum(file.stat().st_size for file in files), on_disk


def _settle(client: httpx.Client) -> None:
    """Small parts become one large one, as they do in the course of a day."""
    client.post("/internal/force_flush")
    client.post("/internal/force_merge")
    deadline = time.monotonic() + _SETTLED_SECONDS
    while time.monotonic() < deadline:
        if not any(_values(client.get("/metrics").text, "vl_active(?:_force)?_merges")):
            return
        time.sleep(0.5)
    raise SystemExit("VictoriaLogs does not come to an end with merging")


def _values(metrics: str, name: str) -> list[int]:
    """Of each series whose name matches."""
    found = re.findall(rf"^{name}(?:{{.*}})? (\d+)$", metrics, re.MULTILINE)
    return list(map(int, found))


def _batches(files: list[Path]) -> Iterator[bytes]:
    """With the fields that the collector gives a line."""
    batch: list[str] = []
    for file in files:
        with file.open() as lines:
            for text in lines:
                line = json.loads(text) | {"service.namespace": "arloji"}
                line["severity_text"] = line.pop("level")
                batch.append(f"{json.dumps(line)}\n")
                if len(batch) >= _BATCH_LINES:
                    yield "".join(batch).encode()
                    batch.clear()
    yield "".join(batch).encode()


def _compose_flags() -> list[str]:
    text = (ROOT / "observability" / "compose.yaml").read_text()
    service = text.partition("\n  victoria-logs:\n")[2].partition("\n    volumes:")[0]
    flags = re.findall(r"^      - (-\S+)$", service, re.MULTILINE)
    return [flag for flag in flags if not flag.startswith("-storageDataPath")]


def _version(command: str, option: str) -> str:
    done = subprocess.run([command, option], capture_output=True, text=True, check=True)
    found = re.search(r"v\d+\.\d+\.\d+", done.stdout + done.stderr)
    return f"{Path(command).name} {found[0] if found else '?'}"


def show(what: str, before: int, after: int) -> None:
    print(f"{what:<36} {before / 1e6:9.1f} MB → {after / 1e6:8.2f} MB  {before / after:6.1f} times")


if __name__ == "__main__":
    sys.exit(main())
