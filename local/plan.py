"""What the embedded run starts, with which commands and which environment."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.services import DEPENDENCY_ORDER
from local.child import ChildSpec, Probe
from local.layout import DataFolder, StartRefused
from local.redis_program import RedisProgram
from servicekit.embedded import Ports

# They stop the other way round.
SERVICES = DEPENDENCY_ORDER
# Names that `--set` knows; `database` stands for the migration and the seed.
SETTABLE = (*SERVICES, "database", "all")

_SIGNALS = ("TRACES", "METRICS", "LOGS")
_PREFIXES = tuple(f"{signal}_" for signal in _SIGNALS)
_OTLP = "OTEL_EXPORTER_OTLP_"
# Of another collector, should the shell have any: the page of the embedded run needs none.
_NOT_FOR_OURS = {
    f"{_OTLP}{signal}{name}": ""
    for signal in ("", *_PREFIXES)
    for name in ("HEADERS", "PROTOCOL", "TIMEOUT")
}

_REDIS_GRACE_SECONDS = 15.0
# Under overload those who refuse must get to it at once, and an order goes a little before a look
# at the catalogue (decision 76).
_NICENESS = {"frontend": 0, "api-gw": 0, "publisher": 4}
_NICENESS_OF_OTHERS = 5


@dataclass(frozen=True)
class Plan:
    folder: DataFolder
    ports: Ports
    redis: RedisProgram | None
    telemetry: bool = True
    overrides: Sequence[tuple[str, str, str]] = ()

    def backing_services(self) -> list[ChildSpec]:
        """What the services need, in the order of its start."""
        specs = [
            self._redis_spec("queue"),
            self._redis_spec("cache"),
        ]
        if self.telemetry:
            specs.append(self._telemetry_spec())
        return specs

    def init_jobs(self) -> list[ChildSpec]:
        """Commands that run to their end before the shop is ready. One process does both: half of
        what each takes is to load what it is made of."""
        return [
            ChildSpec(
                "database",
                (sys.executable, "-m", "database", "upgrade", "seed"),
                self._environment("database"),
                quiet=True,
            )
        ]

    def services(self) -> list[ChildSpec]:
        return [
            ChildSpec(
                name,
                (sys.executable, "-m", f"services.{name.replace('-', '_')}"),
                self._environment(name),
                http_probe(self.ports[name], "/readyz"),
                niceness=_NICENESS.get(name, _NICENESS_OF_OTHERS),
            )
            for name in SERVICES
        ]

    def ready_lines(self) -> list[str]:
        lines = [f"shop       {self.ports.url('frontend')}/"]
        if self.telemetry:
            lines.append(f"telemetry  {self.ports.url('telemetry')}/")
        return [
            *lines,
            f"data       {self.folder.path}",
            "`make demo` in a second terminal plays a customer; Ctrl-C stops everything.",
        ]

    def _redis_spec(self, role: str) -> ChildSpec:
        name = f"{role}-redis"
        port = self.ports[name]
        command: tuple[str, ...]
        if self.redis is None:
            command = (sys.executable, "-m", "local.stand_in", "--port", str(port))
        else:
            command = self.redis.command(role, port, self.folder.redis(role))
        probe = Probe(port, b"*1\r\n$4\r\nPING\r\n", b"PONG")
        return ChildSpec(name, command, {}, probe, _REDIS_GRACE_SECONDS, quiet=True)

    def _telemetry_spec(self) -> ChildSpec:
        port = self.ports["telemetry"]
        return ChildSpec(
            "telemetry",
            (sys.executable, "-m", "local.receiver", "--port", str(port)),
            {},
            http_probe(port, "/healthz"),
            niceness=_NICENESS_OF_OTHERS,
        )

    def _environment(self, name: str) -> dict[str, str]:
        folder, ports = self.folder, self.ports
        environment = {
            "PYTHONUNBUFFERED": "1",
            "HOST": "127.0.0.1",
            "DATABASE_URL": folder.database_url,
            "QUEUE_REDIS_URL": ports.redis_url("queue-redis"),
            "CACHE_REDIS_URL": ports.redis_url("cache-redis"),
            "API_GW_URL": ports.url("api-gw"),
            "SERVICE_HTTP_URL": ports.url("service-http"),
            "PUBLISHER_URL": ports.url("publisher"),
        }
        if name in SERVICES:
            environment |= {"PORT": str(ports[name]), **self._telemetry_environment()}
        if name == "publisher":
            environment["AUDIT_DIRECTORY"] = str(folder.audit)
        if name == "frontend":
            environment |= {
                "SESSION_SECRET_FILE": str(folder.session_secret),
                "COOKIE_SUFFIX": ports.cookie_suffix,
                "TRACE_URL_TEMPLATE": self._trace_page("traces/{trace_id}"),
                "ORDER_TRACE_URL_TEMPLATE": self._trace_page("orders/{order_id}"),
            }
        chosen = {key: value for whom, key, value in self.overrides if whom in (name, "all")}
        return environment | chosen

    def _telemetry_environment(self) -> dict[str, str]:
        if not self.telemetry:
            return {}
        return {
            **_NOT_FOR_OURS,
            f"{_OTLP}ENDPOINT": self.ports.url("telemetry"),
            # Who looks at a trace does not want to wait the usual five seconds for it.
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "OTEL_BLRP_SCHEDULE_DELAY": "500",
            "OTEL_METRIC_EXPORT_INTERVAL": "5000",
            # A receiver that was killed must not keep the services from ending.
            f"{_OTLP}TIMEOUT": "2000",
        }

    def _trace_page(self, path: str) -> str:
        shown = self.telemetry and not _is_off("TRACES", os.environ)
        return f"{self.ports.url('telemetry')}/{path}" if shown else "off"


def http_probe(port: int, path: str) -> Probe:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    return Probe(port, request.encode(), b"HTTP/1.1 200 ")


def parse_override(text: str) -> tuple[str, str, str]:
    """`<service>.<NAME>=<value>` in three parts."""
    target, equals, value = text.partition("=")
    whom, dot, key = target.partition(".")
    if whom not in SETTABLE or not (dot and equals and key.isidentifier()):
        raise StartRefused(
            f"--set {text}: write <service>.<NAME>=<value>, with one of these as the service: "
            f"{', '.join(SETTABLE)}."
        )
    return whom, key, value


def wants_own_telemetry(environment: Mapping[str, str] = os.environ) -> bool:
    """An endpoint in the environment is somebody's choice of another collector; or it is their
    choice that nothing is recorded at all."""
    elsewhere = any(environment.get(f"{_OTLP}{one}ENDPOINT") for one in ("", *_PREFIXES))
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return not elsewhere and not disabled and not all(_is_off(one, environment) for one in _SIGNALS)


def _is_off(signal: str, environment: Mapping[str, str]) -> bool:
    return environment.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() == "none"


def require_compatible_queue(folder: DataFolder, redis: RedisProgram | None) -> None:
    """Redis 7 keeps its append-only file in a folder that Redis 6.2 does not look at: it would
    start empty, and accepted orders would be gone."""
    kept = folder.redis("queue") / "appendonlydir"
    if redis is not None and redis.version < (7, 0) and kept.exists():
        raise StartRefused(
            f"{kept} was written by Redis 7 or newer and {redis} cannot read it: "
            "put the newer redis-server back on PATH, or name another folder with ARLOJI_DATA."
        )
