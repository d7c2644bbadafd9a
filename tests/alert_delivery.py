"""Alertmanager and the page that it delivers to as processes of one test, with the configuration of
the repository; only addresses differ."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.free_port import free_port
from tests.processes import ModuleProcess, Process, answers
from tests.promql import OBSERVABILITY
from tests.telemetry_stores import go_server


class AlertDelivery:
    """`settings` are of the page, which sends no telemetry, as in compose."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.place = f"127.0.0.1:{free_port()}"
        self.manager_url = f"http://{self.place}"
        environment = {"ALERTMANAGER_URL": self.manager_url, "OTEL_SDK_DISABLED": "true"}
        self.page = ModuleProcess(folder, "alert_page", environment | dict(settings or {}))
        text = (OBSERVABILITY / "alertmanager" / "alertmanager.yaml").read_text()
        configured = folder / "alertmanager.yaml"
        configured.write_text(text.replace("http://alert-page:8090", self.page.url))
        self.manager = Process(
            [
                str(go_server("alertmanager")),
                f"--config.file={configured}",
                f"--storage.path={folder / 'alertmanager'}",
                "--cluster.listen-address=",
                f"--web.listen-address={self.place}",
            ],
            folder / "alertmanager.log",
            lambda: answers(f"{self.manager_url}/-/ready"),
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        with self.manager, self.page:
            yield
