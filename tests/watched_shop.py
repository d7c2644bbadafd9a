"""The shop as processes behind nginx, watched by the real collector, stores, node-exporter and
vmalert, with the very log format, flags, scrape configuration and rules of compose; only places
differ. What has no process here (MySQL, both Redis' exporters, cAdvisor) is not scraped."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import redis
import yaml

from local.free_port import free_port
from observability.dashboards.load_test import USER_AGENT
from tests.alert_delivery import AlertDelivery
from tests.collectors import Pipeline
from tests.e2e.conftest import Guest
from tests.processes import ROOT, Process, answers, receiver_process
from tests.promql import ALERTS, OBSERVABILITY
from tests.servers import find_program, running
from tests.stack import RunningStack
from tests.telemetry_stores import compose_flags, eventually, go_server

NGINX = """
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    include {folder}/requests.conf;
    include {folder}/log.conf;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass {shop}; proxy_set_header Host $http_host; }}
    }}
}}
"""


@dataclass(frozen=True)
class WatchedShop:
    pipeline: Pipeline
    stack: RunningStack
    # Through nginx.
    url: str
    alertmanager_url: str

    def visit(self) -> httpx.Response:
        """A customer looks, fills a cart and orders one watch, and more than there are of another.
        The answer to the first order, for which the load tester's name is given."""
        guest = Guest(self.url)
        with closing(guest.http) as http:
            http.headers["User-Agent"] = USER_AGENT
            product = guest.product()
            http.get("/")
            http.get(f"/products/{product['slug']}")
            http.get("/api/products?q=a")
            http.get("/nowhere/at/all")
            http.post("/cart", data={"action": "add", "product_id": product["product_id"]})
            order = guest.post_order({product["product_id"]: 1})
            guest.post_order({product["product_id"]: 99})
            if order.is_success:
                http.get(order.json()["status_url"])
        return order

    def be_visited(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.visit()

    def have_trouble(self) -> None:
        """An entry of the queue that nobody can read, and a publisher that dies under orders."""
        with redis.Redis(port=self.stack.port("queue-redis")) as queue:
            queue.xadd("orders", {"message": "not an order"})
        self.stack.kill("publisher")
        eventually(lambda: self.visit().status_code >= 500)
        eventually(lambda: self.visit().is_success)


@contextmanager
def running_watched_shop(folder: Path) -> Iterator[WatchedShop]:
    with ExitStack() as stack:
        pipeline = Pipeline(folder, stack.enter_context(receiver_process(folder)))
        delivery = AlertDelivery(folder)
        watchers = _watchers(folder, pipeline, delivery)
        stack.enter_context(delivery.running())
        for server in (pipeline.metrics, pipeline.logs, pipeline.collector, *watchers):
            stack.enter_context(running(server))
        endpoint = f"all.OTEL_EXPORTER_OTLP_ENDPOINT={pipeline.collector.otlp_url}"
        options = ["--set", endpoint, "--set", "all.OTEL_METRIC_EXPORT_INTERVAL=2000"]
        shop = stack.enter_context(RunningStack(folder / "shop", options=options))
        edge = _Nginx(folder, shop.shop_url, pipeline.collector.logs / "nginx")
        stack.enter_context(running(edge))
        yield WatchedShop(pipeline, shop, edge.url, delivery.manager_url)


class _Server(Process):
    """At `url`, where it answers once it is ready."""

    def __init__(self, name: str, folder: Path, *flags: str, health: str = "/") -> None:
        self.place = flags[-1].rpartition("=")[2]
        self.url = f"http://{self.place}"
        command = [str(go_server(name)), *flags]
        super().__init__(command, folder / f"{name}.log", lambda: answers(f"{self.url}{health}"))


def _address() -> str:
    return f"127.0.0.1:{free_port()}"


def _watchers(folder: Path, pipeline: Pipeline, delivery: AlertDelivery) -> list[_Server]:
    """Also has VictoriaMetrics, which is not yet running, scrape all of them."""
    flags = compose_flags(
        "node-exporter", without=("-path.rootfs", "-collector.textfile.directory")
    )
    flags = [flag.replace("$$", "$") for flag in flags]
    node = _Server("node_exporter", folder, *flags, f"--web.listen-address={_address()}")
    stores = [f"-{name}.url={pipeline.metrics.url}" for name in ("datasource", "remoteWrite")]
    rules = [f"-rule={path}" for path in ALERTS]
    to = f"-notifier.url={delivery.manager_url}"
    listen = f"-httpListenAddr={_address()}"
    alert = _Server("vmalert", folder, *stores, *rules, to, listen, health="/health")
    places = {
        "node-exporter:9100": node.place,
        "otel-collector:8888": _host(pipeline.collector.metrics_url),
        "127.0.0.1:8428": _host(pipeline.metrics.url),
        "victoria-logs:9428": _host(pipeline.logs.url),
        "vmalert:8880": alert.place,
        "alertmanager:9093": delivery.place,
    }
    (folder / "scrape.json").write_text(json.dumps(_scrape_configuration(places)))
    pipeline.metrics.command.append(f"-promscrape.config={folder / 'scrape.json'}")
    return [node, alert]


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _scrape_configuration(places: Mapping[str, str]) -> dict[str, Any]:
    """Compose's, less what is not here. Faster, for rates to be there within seconds."""
    jobs = []
    scrape = OBSERVABILITY / "scrape"
    own = yaml.safe_load((scrape / "compose.yaml").read_text())["scrape_configs"]
    for job in [*own, *yaml.safe_load((scrape / "servers.yaml").read_text())]:
        (target,) = job["static_configs"]
        (there,) = target["targets"]
        if there in places:
            labels = {"instance": there, **target.get("labels", {})}
            jobs.append(job | {"static_configs": [{"targets": [places[there]], "labels": labels}]})
    assert len(jobs) == len(places)
    return {"global": {"scrape_interval": "2s", "scrape_timeout": "2s"}, "scrape_configs": jobs}


class _Nginx(Process):
    """In front of a shop, with the ingress's own format of lines, for the collector."""

    def __init__(self, folder: Path, shop_url: str, logs: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        for name in ("requests.conf", "log.conf"):
            text = (ROOT / "ingress" / "conf" / name).read_text()
            text = text.replace("access_log /dev/stdout json;\n", "")
            text = text.replace(
                "include /tmp/access-log.conf;", f"access_log {logs}/access.log json;"
            )
            (folder / name).write_text(text)
        configuration = folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=folder, port=port, shop=shop_url))
        program = find_program("nginx")
        command = [program, "-e", "stderr", "-c", str(configuration), "-g", "daemon off;"]
        super().__init__(command, folder / "nginx.log", lambda: answers(f"{self.url}/"))
