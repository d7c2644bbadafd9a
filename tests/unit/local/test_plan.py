from dataclasses import replace
from pathlib import Path

import pytest

from local.layout import DataFolder, StartRefused
from local.plan import SERVICES, Plan, parse_override, require_compatible_queue, wants_own_telemetry
from local.redis_program import RedisProgram
from servicekit.embedded import PORTS, Ports

REDIS = RedisProgram(Path("/usr/bin/redis-server"), (7, 0))
PLAN = Plan(DataFolder(Path("/data")), Ports(100), REDIS)
ENDPOINT = "OTEL_EXPORTER_OTLP_{}ENDPOINT"


def environment_of(plan: Plan, name: str) -> dict[str, str]:
    return {spec.name: dict(spec.environment) for spec in plan.services()}[name]


def test_a_server_starts_before_its_clients() -> None:
    assert SERVICES.index("service-http") < SERVICES.index("api-gw") < SERVICES.index("frontend")
    assert SERVICES.index("publisher") < SERVICES.index("api-gw")


def test_every_part_is_ready_once_its_own_port_says_so() -> None:
    probes = {spec.name: spec.probe for spec in (*PLAN.backing_services(), *PLAN.services())}
    ports = {name: probe and probe.port for name, probe in probes.items()}
    assert ports == {name: PLAN.ports[name] for name in PORTS}
    asked = {name for name, probe in probes.items() if probe and b"GET /readyz " in probe.request}
    assert asked == {*SERVICES}


@pytest.mark.parametrize(
    ("offset", "service", "name", "value"),
    [
        (100, "api-gw", "PORT", "8181"),
        (100, "api-gw", "SERVICE_HTTP_URL", "http://127.0.0.1:8182"),
        (100, "publisher", "QUEUE_REDIS_URL", "redis://127.0.0.1:8190/0"),
        (100, "consumer", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4418"),
        # Browsers do not tell the ports of a host apart: runs side by side take other names.
        (0, "frontend", "COOKIE_SUFFIX", ""),
        (100, "frontend", "COOKIE_SUFFIX", "_8180"),
        (4000, "frontend", "COOKIE_SUFFIX", "_12080"),
        # What the shell says of another collector is not for our receiver.
        (0, "api-gw", "OTEL_EXPORTER_OTLP_PROTOCOL", ""),
        (0, "api-gw", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", ""),
        (0, "frontend", "TRACE_URL_TEMPLATE", "http://127.0.0.1:4318/traces/{trace_id}"),
        (0, "frontend", "ORDER_TRACE_URL_TEMPLATE", "http://127.0.0.1:4318/orders/{order_id}"),
    ],
)
def test_each_service_is_told_of_this_run(offset: int, service: str, name: str, value: str) -> None:
    assert environment_of(replace(PLAN, ports=Ports(offset)), service)[name] == value


def test_the_secret_is_given_to_the_frontend_only() -> None:
    with_secret = [name for name in SERVICES if "SESSION_SECRET_FILE" in environment_of(PLAN, name)]
    assert with_secret == ["frontend"]


def test_without_telemetry_nothing_is_exported_and_no_receiver_starts() -> None:
    plan = replace(PLAN, telemetry=False)
    assert [spec.name for spec in plan.backing_services()] == ["queue-redis", "cache-redis"]
    assert "telemetry" in [spec.name for spec in PLAN.backing_services()]
    told = {name for service in SERVICES for name in environment_of(plan, service)}
    assert not any(name.startswith("OTEL_") for name in told)


@pytest.mark.parametrize(
    ("environment", "own"),
    [
        ({}, True),
        *(
            ({ENDPOINT.format(one): "http://c"}, False)
            for one in ("", "TRACES_", "METRICS_", "LOGS_")
        ),
        ({"OTEL_TRACES_EXPORTER": "none"}, True),
        ({f"OTEL_{one}_EXPORTER": " None" for one in ("TRACES", "METRICS", "LOGS")}, False),
        ({"OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_SDK_DISABLED": "false"}, True),
    ],
)
def test_the_receiver_runs_unless_the_shell_names_a_collector_or_wants_none(
    environment: dict[str, str], own: bool
) -> None:
    assert wants_own_telemetry(environment) == own


def test_without_traces_no_page_links_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert environment_of(PLAN, "frontend")["TRACE_URL_TEMPLATE"] == "off"


def test_an_override_reaches_its_service_only_or_all() -> None:
    url = "mysql://u:p@h.x/d?a=b"
    texts = ["consumer.CLAIM_IDLE_SECONDS=1", f"all.DATABASE_URL={url}"]
    plan = replace(PLAN, overrides=[parse_override(text) for text in texts])
    assert environment_of(plan, "consumer")["CLAIM_IDLE_SECONDS"] == "1"
    assert "CLAIM_IDLE_SECONDS" not in environment_of(plan, "frontend")
    assert environment_of(plan, "frontend")["DATABASE_URL"] == url
    assert [spec.environment["DATABASE_URL"] for spec in plan.init_jobs()] == [url]


@pytest.mark.parametrize("text", ["", "consumer", "consumer.X", "nobody.X=1", "consumer.=1", "X=1"])
def test_an_override_that_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(StartRefused, match="--set"):
        parse_override(text)


def test_an_older_redis_must_not_start_empty_beside_a_newer_file(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    old = RedisProgram(Path("/redis-server"), (6, 2))
    require_compatible_queue(folder, old)
    (folder.redis("queue") / "appendonlydir").mkdir(parents=True)
    with pytest.raises(StartRefused, match="appendonlydir"):
        require_compatible_queue(folder, old)
    require_compatible_queue(folder, REDIS)


def test_those_who_refuse_and_who_takes_orders_have_the_processors_first() -> None:
    niceness = {spec.name: spec.niceness for spec in PLAN.services()}
    assert niceness["frontend"] == niceness["api-gw"] == 0 < niceness["publisher"]
    assert niceness["publisher"] < min(niceness[name] for name in ("service-http", "consumer"))
