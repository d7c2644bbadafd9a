"""The nginx of the edge as a process of one test, with the very files of compose; only folders and
addresses differ. An nginx on PATH, or the test is skipped."""

import re
import shutil
from pathlib import Path

from local.free_port import free_port
from tests.processes import CLEAN, ROOT, Process, answers
from tests.servers import find_program


class Edge(Process):
    """In front of a frontend on this port; it writes its logs into `logs`."""

    def __init__(self, folder: Path, frontend_port: int, logs: Path) -> None:
        find_program("nginx")
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        status = free_port()
        configuration, written = folder / "ingress", folder / "written"
        shutil.copytree(ROOT / "ingress", configuration)
        written.mkdir()
        places = {
            "/etc/nginx/arloji": str(configuration),
            "/tmp/": f"{written}/",
            "/var/log/arloji": str(logs),
            "listen 8080": f"listen 127.0.0.1:{port}",
            "listen 8081": f"listen 127.0.0.1:{status}",
            # Not before nginx 1.27.3, and there is no name here.
            " resolve max_fails": " max_fails",
            # Else its workers are another user, who may not enter the folders of a test.
            "worker_processes 2;": "worker_processes 1; user root;",
        }
        # In one go: the folder of a test may itself be under /tmp.
        any_place = re.compile("|".join(map(re.escape, places)))
        for path in configuration.rglob("*.*"):
            path.write_text(any_place.sub(lambda found: places[found[0]], path.read_text()))
        super().__init__(
            ["bash", str(configuration / "start.sh")],
            folder / "nginx.output",
            lambda: answers(f"http://127.0.0.1:{status}/healthz"),
            env=CLEAN | {"FRONTEND_HOST": f"127.0.0.1:{frontend_port}"},
        )
