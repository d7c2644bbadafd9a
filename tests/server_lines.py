"""Log lines as nginx 1.30, MySQL 9.7 and Redis 8.0 have written them with the configuration of
the compose stack; only their times are new, since stores refuse what is too old."""

import json
from datetime import datetime
from typing import Any


def nginx_access(moment: datetime, **changes: Any) -> str:
    line = {
        "time": moment.isoformat(timespec="milliseconds"),
        "level": "INFO",
        "service.name": "nginx",
        "message": "GET /products/x-1 200",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "http.request.method": "GET",
        "http.route": "/products/{slug}",
        "url.path": "/products/x-1",
        "http.response.status_code": 200,
        "http.response.body.size": 2,
        "duration": 0.003,
        "upstream.address": "192.168.48.2:8080",
        "upstream.status": "200",
        "upstream.connect": "0.000",
        "upstream.duration": "0.002",
        "client.address": "192.168.48.1",
        "user_agent.original": "curl/7.88.1",
        "network.protocol.name": "HTTP/1.1",
    }
    return json.dumps({**line, **changes}) + "\n"


def nginx_error(moment: datetime) -> str:
    return (
        f"{moment:%Y/%m/%d %H:%M:%S} [error] 7#7: *5 upstream timed out (110: Connection timed out)"
        " while connecting to upstream, client: 192.168.48.1, server: _, "
        'request: "GET /api/orders?name=Kanari&x=1 HTTP/1.1", '
        'upstream: "http://192.168.48.2:8080/api/orders?name=Kanari&x=1", '
        'host: "localhost:28080", referrer: "http://x/?name=Kanari"\n'
    )


def mysql_errors(moment: datetime) -> str:
    time = f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
    return (
        f"{time} 0 [System] [MY-010931] [Server] /usr/sbin/mysqld: ready for connections. "
        "Version: '9.7.4-2'  socket: '/var/run/mysqld/mysqld.sock'  port: 3306  (Debian).\n"
        f"{time} 0 [Warning] [MY-010068] [Server] CA certificate ca.pem is self signed.\n"
        f"{time} 12 [Warning] [MY-010908] [Repl] Unsafe statement written to the binary log using "
        "statement format since BINLOG_FORMAT = STATEMENT. Statement: INSERT INTO orders\n"
        " (customer_name) VALUES ('Kanari')\n"
        f"{time} 0 [ERROR] [MY-010119] [Server] Aborting\n"
    )


MYSQL_SLOW_START = """\
/usr/sbin/mysqld, Version: 9.7.4-2 ((Debian)). started with:
Tcp port: 3306  Unix socket: /var/run/mysqld/mysqld.sock
Time                 Id Command    Argument
"""


def mysql_slow(moment: datetime) -> str:
    time = f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
    return (
        f"# Time: {time}\n"
        "# User@Host: consumer[consumer] @  [172.30.5.4]  Id:    10\n"
        "# Query_time: 0.704418  Lock_time: 0.000005 Rows_sent: 0  Rows_examined: 3\n"
        "use arloji;\n"
        f"SET timestamp={int(moment.timestamp())};\n"
        "insert into orders\n values ('a', 'Kanari O''Hara', \"Jl. \\\" Kanari 1\"), "
        "('b','Kanari \\' y', concat('# Time: ',sleep(0.7)), 0x4b616e617269, 815);\n"
    )


def redis_crash(moment: datetime) -> str:
    """A report after which Redis is gone: its lines have no time of their own."""
    time = f"{moment:%d %b %Y %H:%M:%S}.{moment.microsecond // 1000:03d}"
    return (
        f"8:M {time} # Redis 8.0.6 crashed by signal: 11, si_code: 0\n"
        "------ STACK TRACE ------\n"
        "EIP:\n/lib/x86_64-linux-gnu/libc.so.6(epoll_wait+0x1a)[0x7f1f]\n"
        "8:signal-handler (1795536410) Received SIGTERM scheduling shutdown...\n"
    )
