from dataclasses import replace
from pathlib import Path

import pytest

from local.layout import DataFolder, StartRefused
from local.plan import SERVICES, Plan, parse_override, require_compatible_queue, wants_own_telemetry
from local.redis_program import RedisProgram
from servicekit.embedded import Ports

REDIS = RedisProgram(Path("/usr/bin/redis-server"), (7, 0))


PLAN = Plan(DataFolder(Path("/data")), Ports(100), REDIS)


def environment_of(plan: Plan, name: str) -> dict[str, str]:
    (spec,) = [spec for spec in plan.services() if spec.name == name]
    return dict(spec.environment)


def test_who_is_asked_starts_before_who_asks() -> None:
    assert SERVICES.index("service-http") < SERVICES.index("api-gw") < SERVICES.index("frontend")
    assert SERVICES.index("publisher") < SERVICES.index("api-gw")


def test_every_url_moves_with_the_ports() -> None:
    environment = environment_of(PLAN, "api-gw")
    assert environment["PORT"] == "8181"
    assert environment["SERVICE_HTTP_URL"] == "http://127.0.0.1:8182"
    assert environment["QUEUE_REDIS_URL"] == "redis://127.0.0.1:8190/0"
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4418"


def test_the_secret_is_given_to_the_frontend_only() -> None:
    with_secret = [name for name in SERVICES if "SESSION_SECRET_FILE" in environment_of(PLAN, name)]
    assert with_secret == ["frontend"]


def test_runs_on_other_ports_have_cookies_of_other_names() -> None:
    runs = [replace(PLAN, ports=Ports(offset)) for offset in (0, 100, 4000)]
    suffixes = [environment_of(run, "frontend")["COOKIE_SUFFIX"] for run in runs]
    assert suffixes == ["", "_8180", "_12080"]


def test_without_telemetry_nothing_is_exported_and_no_receiver_starts() -> None:
    plan = replace(PLAN, telemetry=False)
    assert [spec.name for spec in plan.backing_services()] == ["queue-redis", "cache-redis"]
    assert not any(
        name.startswith("OTEL_") for service in SERVICES for name in environment_of(plan, service)
    )


def test_a_collector_in_the_environment_is_used_instead_of_the_receiver() -> None:
    assert wants_own_telemetry({})
    for signal in ("", "TRACES_", "METRICS_", "LOGS_"):
        chosen = {f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT": "http://collector:4318"}
        assert not wants_own_telemetry(chosen)


def test_who_wants_nothing_recorded_gets_no_receiver() -> None:
    traces_off = {"OTEL_TRACES_EXPORTER": "none"}
    assert wants_own_telemetry(traces_off)
    others_off = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "None"}
    assert not wants_own_telemetry(traces_off | others_off)
    assert not wants_own_telemetry({"OTEL_SDK_DISABLED": "true"})


def test_the_receiver_gets_what_it_understands_whatever_the_shell_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = environment_of(PLAN, "api-gw")
    assert environment["OTEL_EXPORTER_OTLP_PROTOCOL"] == ""
    assert environment["OTEL_EXPORTER_OTLP_TRACES_HEADERS"] == ""
    assert environment_of(PLAN, "frontend")["TRACE_URL_TEMPLATE"] != "off"
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert environment_of(PLAN, "frontend")["TRACE_URL_TEMPLATE"] == "off"


def test_an_override_reaches_its_service_only_or_all() -> None:
    overrides = ["consumer.CLAIM_IDLE_SECONDS=1", "all.LOG_LEVEL=DEBUG"]
    plan = replace(PLAN, overrides=[parse_override(text) for text in overrides])
    assert environment_of(plan, "consumer")["CLAIM_IDLE_SECONDS"] == "1"
    assert "CLAIM_IDLE_SECONDS" not in environment_of(plan, "frontend")
    assert environment_of(plan, "frontend")["LOG_LEVEL"] == "DEBUG"
    assert plan.init_jobs()[0].environment["LOG_LEVEL"] == "DEBUG"


def test_a_value_may_hold_dots_and_equal_signs() -> None:
    assert parse_override("all.DATABASE_URL=mysql://u:p@h.x/d?a=b") == (
        "all",
        "DATABASE_URL",
        "mysql://u:p@h.x/d?a=b",
    )


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
