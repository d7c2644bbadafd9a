"""Log files of nginx, MySQL and Redis through the real collector into the real VictoriaLogs, with
the configuration of the compose stack."""

import re
import signal
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import server_lines
from tests.collectors import Pipeline, running_pipeline
from tests.servers import RedisServer, running
from tests.telemetry_stores import eventually

NOW = datetime.now(UTC)
SLOW = server_lines.mysql_slow(NOW)
CUT = SLOW.partition("insert into")[0].replace("arloji", "cut")
WRITTEN = {
    "nginx/access.log": "".join(
        server_lines.nginx_access(NOW, trace_id=f"{number:032x}", **changes)
        for number, changes in enumerate(
            [
                {},
                {"client.address": "2001:db8:7:1::42"},
                {"level": "WARN"},
                {"level": "ERROR"},
            ],
            start=1,
        )
    ),
    "nginx/error.log": server_lines.nginx_error(NOW),
    "mysql/error.log": server_lines.mysql_errors(NOW),
    # The last value was cut: it must not show its beginning.
    "mysql/slow.log": f"{server_lines.MYSQL_SLOW_START}{SLOW}{CUT}"
    f"update t set a='{'Kanari ' * 12_000}';\n",
    "queue-redis/redis.log": server_lines.redis_crash(NOW),
}
_OF_NGINX = '{service.name="nginx"} "log.file.name":=error.log'
_SLOW_LOG = '{service.name="mysql"} "log.file.name":=slow.log "db.namespace"'
# What finds one line, and patterns of what its fields then are.
LINES: Mapping[str, dict[str, str]] = {
    f"trace_id:={1:032x}": {
        "_stream": re.escape('{service.name="nginx",service.namespace="arloji"}'),
        "_msg": "GET /products/x-1 200",
        "severity_text": "INFO",
        "http.response.status_code": "200",
        "url.path": "/products/x-1",
        "duration": r"0\.003",
        # The client's network, not the client.
        "client.address": r"192\.168\.48\.0",
    },
    f"trace_id:={2:032x}": {"client.address": "2001:db8:7::"},
    f"trace_id:={3:032x}": {"severity_text": "WARN"},
    f"trace_id:={4:032x}": {"severity_text": "ERROR"},
    _OF_NGINX: {
        "severity_text": "ERROR",
        "_msg": r"\*5 upstream timed out.* client: 192\.168\.48\.0,"
        r'.* request: "GET /api/orders HTTP/1\.1".*',
    },
    '"mysql.code":=MY-010931': {"severity_text": "INFO"},
    '"mysql.code":=MY-010068': {"severity_text": "WARN"},
    '"mysql.code":=MY-010908': {"severity_text": "WARN", "_msg": r".*Statement: \?"},
    '"mysql.code":=MY-010119': {"severity_text": "ERROR"},
    f"{_SLOW_LOG}:=arloji": {
        "severity_text": "WARN",
        "_msg": re.escape(
            "insert into orders\n values (?, ?, ?), (?,?, concat(?,sleep(?)), ?, ?);"
        ),
        "duration": r"0\.704418",
        "mysql.rows_examined": "3",
        "mysql.user": "consumer",
    },
    f"{_SLOW_LOG}:=cut": {"_msg": r"update t set a=\?"},
    '{service.name="queue-redis"} _msg:~"crashed by signal"': {
        "severity_text": "WARN",
        "_msg": "(?s).*STACK TRACE.*",
    },
    '{service.name="queue-redis"} _msg:~"signal-handler"': {"severity_text": "INFO"},
}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with running_pipeline(tmp_path_factory.mktemp("telemetry")) as running:
        for file, text in WRITTEN.items():
            running.collector.append(file, text)
        yield running


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("query", LINES, ids=lambda query: query[-40:])
def test_a_line_of_a_server_arrives_as_it_was_meant(pipeline: Pipeline, query: str) -> None:
    line = pipeline.line(query)
    fields = LINES[query]
    assert {name: line.get(name, "") for name in fields if not matches(line, name, fields)} == {}
    # nginx says seconds; the store keeps nanoseconds. A report after a crash has no time.
    moment = NOW.replace(microsecond=0) if query == _OF_NGINX else NOW
    time = datetime.fromisoformat(line["_time"]).astimezone(UTC)
    assert abs(time - moment) < timedelta(milliseconds=1) or "signal-handler" in query


def matches(line: Mapping[str, str], name: str, fields: Mapping[str, str]) -> bool:
    return re.fullmatch(fields[name], line.get(name, "")) is not None


def test_what_clients_wrote_is_in_no_line(pipeline: Pipeline) -> None:
    for query in LINES:
        pipeline.line(query)
    assert "anari" not in str(pipeline.logs.query("*"))


def test_each_redis_writes_under_its_name(pipeline: Pipeline, tmp_path: Path) -> None:
    for role in ("queue-redis", "cache-redis"):
        folder = tmp_path / role
        folder.mkdir()
        log = pipeline.collector.logs / role / "redis.log"
        server = RedisServer(folder, durable=False, options=["--logfile", str(log)])
        with running(server):
            pass
        line = pipeline.line(f'{{service.name="{role}"}} _msg:~"Ready to accept connections"')
        assert line["severity_text"] == "INFO"
        written = datetime.fromisoformat(line["_time"]).astimezone(UTC)
        assert abs(written - datetime.now(UTC)) < timedelta(minutes=2)


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
