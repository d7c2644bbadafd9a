"""Log files of nginx, MySQL and Redis through the real collector into the real VictoriaLogs, with
the configuration of the compose stack."""

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import server_lines
from tests.servers import RedisServer, running
from tests.telemetry_stores import Pipeline, eventually, running_pipeline


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with running_pipeline(tmp_path_factory.mktemp("telemetry")) as running:
        yield running


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def time_of(line: dict[str, str]) -> datetime:
    """To the microsecond; the store keeps nanoseconds."""
    return datetime.fromisoformat(line["_time"]).astimezone(UTC)


def test_a_request_is_a_line_with_its_time_trace_and_figures(
    pipeline: Pipeline, now: datetime
) -> None:
    trace_id = "5b8efff798038103d269b633813fc60c"
    pipeline.collector.append("nginx/access.log", server_lines.nginx_access(now, trace_id=trace_id))
    line = pipeline.line(f"trace_id:={trace_id}")
    assert abs(time_of(line) - now) < timedelta(milliseconds=1)
    assert line["_stream"] == '{service.name="nginx",service.namespace="arloji"}'
    assert (line["_msg"], line["severity_text"]) == ("GET /products/x-1 200", "INFO")
    assert line["http.response.status_code"] == "200"
    assert line["url.path"] == "/products/x-1"
    assert line["duration"] == "0.003"
    # The client's network, not the client.
    assert line["client.address"] == "192.168.48.0"


def test_an_ipv6_client_is_its_network_too(pipeline: Pipeline, now: datetime) -> None:
    own = {"trace_id": "5b8efff798038103d269b633813fc60d", "client.address": "2001:db8:7:1::42"}
    pipeline.collector.append("nginx/access.log", server_lines.nginx_access(now, **own))
    assert pipeline.line(f"trace_id:={own['trace_id']}")["client.address"] == "2001:db8:7::"


@pytest.mark.parametrize("level", ["WARN", "ERROR"])
def test_a_refused_or_failed_request_has_its_severity(
    pipeline: Pipeline, now: datetime, level: str
) -> None:
    line = server_lines.nginx_access(now, level=level, message=f"refused as {level}")
    pipeline.collector.append("nginx/access.log", line)
    assert pipeline.line(f'_msg:="refused as {level}"')["severity_text"] == level


def test_nginx_errors_arrive_without_what_the_client_wrote(
    pipeline: Pipeline, now: datetime
) -> None:
    pipeline.collector.append("nginx/error.log", server_lines.nginx_error(now))
    line = pipeline.line('{service.name="nginx"} "log.file.name":=error.log')
    assert time_of(line) == now.replace(microsecond=0)
    assert line["severity_text"] == "ERROR"
    assert line["_msg"].startswith("*5 upstream timed out")
    assert 'request: "GET /api/orders HTTP/1.1"' in line["_msg"]
    assert "client: 192.168.48.0," in line["_msg"]
    assert "Kanari" not in str(line)


def test_mysql_errors_arrive_with_code_and_severity(pipeline: Pipeline, now: datetime) -> None:
    pipeline.collector.append("mysql/error.log", server_lines.mysql_errors(now))
    query = '{service.name="mysql"} "log.file.name":=error.log'
    eventually(lambda: len(pipeline.logs.query(query)) == 4)
    lines = pipeline.logs.query(query)
    assert {time_of(line) for line in lines} == {now}
    severities = {line["mysql.code"]: line["severity_text"] for line in lines}
    assert severities == {
        "MY-010931": "INFO",
        "MY-010068": "WARN",
        "MY-010908": "WARN",
        "MY-010119": "ERROR",
    }
    (unsafe,) = [line for line in lines if line["mysql.code"] == "MY-010908"]
    assert unsafe["_msg"].endswith("Statement: ?")
    assert "Kanari" not in str(lines)


def test_a_slow_statement_is_one_line_without_its_values(pipeline: Pipeline, now: datetime) -> None:
    slow = server_lines.MYSQL_SLOW_START + server_lines.mysql_slow(now)
    pipeline.collector.append("mysql/slow.log", slow)
    line = pipeline.line('{service.name="mysql"} "log.file.name":=slow.log')
    assert time_of(line) == now
    assert line["severity_text"] == "WARN"
    assert line["_msg"] == (
        "insert into orders\n values (?, ?, ?), (?,?, concat(?,sleep(?)), ?, ?);"
    )
    assert line["duration"] == "0.704418"
    assert line["mysql.rows_examined"] == "3"
    assert line["mysql.user"] == "consumer"
    assert line["db.namespace"] == "arloji"


def test_a_value_that_was_cut_does_not_show_its_beginning(
    pipeline: Pipeline, now: datetime
) -> None:
    slow = server_lines.mysql_slow(now).partition("insert into")[0].replace("arloji", "cut")
    pipeline.collector.append("mysql/slow.log", f"{slow}update t set a='{'Kanari ' * 12_000}';\n")
    line = pipeline.line('{service.name="mysql"} "db.namespace":=cut')
    assert line["_msg"] == "update t set a=?"


def test_each_redis_has_its_name_and_its_severities(pipeline: Pipeline, tmp_path: Path) -> None:
    for role in ("queue-redis", "cache-redis"):
        folder = tmp_path / role
        folder.mkdir()
        log = pipeline.collector.logs / role / "redis.log"
        server = RedisServer(folder, durable=False, options=["--logfile", str(log)])
        with running(server):
            pass
        line = pipeline.line(f'{{service.name="{role}"}} _msg:~"Ready to accept connections"')
        assert line["severity_text"] == "INFO"
        assert abs(time_of(line) - datetime.now(UTC)) < timedelta(minutes=2)


def test_a_crash_report_stays_with_its_first_line(pipeline: Pipeline, now: datetime) -> None:
    pipeline.collector.append("queue-redis/redis.log", server_lines.redis_crash(now))
    line = pipeline.line('{service.name="queue-redis"} _msg:~"crashed by signal"')
    assert line["severity_text"] == "WARN"
    assert "STACK TRACE" in line["_msg"]
    last = pipeline.line('{service.name="queue-redis"} _msg:~"signal-handler"')
    assert last["severity_text"] == "INFO"


def rename(log: Path, rotated: Path) -> None:
    log.rename(rotated)


def copy_and_truncate(log: Path, rotated: Path) -> None:
    """Tools that do so lose what is written between the two; here nothing is."""
    rotated.write_text(log.read_text())
    log.write_text("")


@pytest.mark.parametrize("rotate", [rename, copy_and_truncate])
def test_rotation_loses_no_line_and_repeats_none(
    pipeline: Pipeline, now: datetime, rotate: Callable[[Path, Path], None]
) -> None:
    log = pipeline.collector.logs / "nginx" / "access.log"
    query = f'"url.path":~"^/{rotate.__name__}/"'
    written: list[str] = []
    for _ in range(3):
        # The last lines are not read yet when the file is rotated.
        for _ in range(10):
            moment = now + timedelta(milliseconds=len(written))
            written.append(f"/{rotate.__name__}/{len(written)}")
            line = server_lines.nginx_access(moment, **{"url.path": written[-1]})
            pipeline.collector.append("nginx/access.log", line)
        rotate(log, log.with_name("access.log.1"))
        eventually(lambda: len(pipeline.logs.query(query)) >= len(written))
    assert [line["url.path"] for line in pipeline.logs.query(query)] == written


def test_what_was_written_while_no_collector_ran_is_read_once(
    pipeline: Pipeline, now: datetime
) -> None:
    def append(number: int) -> None:
        line = server_lines.nginx_access(
            now + timedelta(milliseconds=number), **{"url.path": f"/away/{number}"}
        )
        pipeline.collector.append("nginx/access.log", line)

    append(0)
    pipeline.line('"url.path":=/away/0')
    pipeline.collector.stop(signal.SIGTERM)
    append(1)
    pipeline.collector.start()
    append(2)
    pipeline.line('"url.path":=/away/2')
    lines = pipeline.logs.query('"url.path":~"^/away/"')
    assert [line["url.path"] for line in lines] == ["/away/0", "/away/1", "/away/2"]
