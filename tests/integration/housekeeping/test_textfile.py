"""What jobs without a network leave is taken by node-exporter, with the flags of compose."""

import re
import subprocess
import sys
from pathlib import Path

import httpx

from local.free_port import free_port
from tests.processes import CLEAN, Process, answers
from tests.servers import find_program, running
from tests.telemetry_stores import compose_flags, go_server

ROOT = Path(__file__).parents[3]
NAMES = ("queue-redis", "cache-redis")


def rotate(logs: Path, *options: str) -> str:
    """Returns what it complained of."""
    line = "1:M 28 Nov 2026 10:00:00.{:03} * Background saving started\n"
    (logs / "redis.log").write_text("".join(map(line.format, range(999))))
    command = [sys.executable, "-m", "housekeeping", "rotate-logs", "redis", str(logs), "--force"]
    command += options
    done = subprocess.run(command, cwd=ROOT, env=CLEAN, check=True, capture_output=True, text=True)
    return done.stderr


def test_a_rotation_is_done_also_where_its_metrics_cannot_be_left(tmp_path: Path) -> None:
    find_program("logrotate")
    (logs := tmp_path / "logs").mkdir()
    nowhere = tmp_path / "nowhere" / "redis.prom"
    assert rotate(logs, "--textfile", str(nowhere)).startswith(
        f"metrics of this run are not in {nowhere}"
    )
    assert (logs / "redis.log.1").exists()


def test_node_exporter_takes_the_files_of_all_rotations(tmp_path: Path) -> None:
    find_program("logrotate")
    (metrics := tmp_path / "metrics").mkdir()
    for name in NAMES:
        (tmp_path / name).mkdir()
        for _ in range(2):
            rotate(tmp_path / name, "--name", name, "--textfile", f"{metrics / name}.prom")
    port = free_port()
    url, folder = f"http://127.0.0.1:{port}", "-collector.textfile.directory"
    flags = [
        flag.replace("$$", "$")
        for flag in compose_flags("node-exporter", without=("-path.rootfs", folder))
    ]
    flags += [f"-{folder}={metrics}", f"--web.listen-address=127.0.0.1:{port}"]
    command = [str(go_server("node_exporter")), *flags]
    with running(Process(command, tmp_path / "log", lambda: answers(url))):
        page = httpx.get(f"{url}/metrics", trust_env=False).text
    assert "error" not in (tmp_path / "log").read_text()
    assert re.findall(r"^node_textfile_scrape_error (.*)$", page, re.MULTILINE) == ["0"]
    for name in NAMES:
        labels = f'command="rotate-logs",outcome="success",writer="{name}"'
        assert f"arloji_housekeeping_last_run_seconds{{{labels}}} 1." in page
        ratio = re.search(rf'^arloji_logs_compression_ratio{{writer="{name}"}} (.*)$', page, re.M)
        assert ratio is not None
        assert float(ratio[1]) > 10
