"""What the stack can lose, and the alerts that must say so within two minutes."""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.compose.disturbances import Disturbance, halt_now_and_then, keep_connecting
from tests.compose.project import ComposeProject

Labels = Mapping[str, str]
# What it returns is of no interest.
Deed = Callable[[ComposeProject], object]


@dataclass(frozen=True)
class Part:
    """`alerts` are names and labels that each has among its own."""

    name: str
    alerts: Sequence[tuple[str, Labels]]
    take: Deed
    give: Deed


def _stopped(service: str, *alerts: tuple[str, Labels]) -> Part:
    """Every replica of it, as by an operator."""
    return Part(
        service,
        alerts,
        take=lambda project: project.compose("stop", "--timeout", "5", service),
        give=lambda project: project.compose("start", service),
    )


def _frozen(service: str, *alerts: tuple[str, Labels]) -> Part:
    return Part(
        f"{service}, frozen",
        alerts,
        take=lambda project: project.pause(service),
        give=lambda project: project.resume(service),
    )


def _hung(service: str, *alerts: tuple[str, Labels]) -> Part:
    """It does nothing, and Docker still asks after its health, as it does not of a paused one."""

    def send(project: ComposeProject, number: signal.Signals) -> None:
        script = f"import os; os.kill(-1, {int(number)})"
        for one in project.containers(service):
            project.exec(one, "python", "-c", script)

    return Part(
        f"{service}, hung",
        alerts,
        take=lambda project: send(project, signal.SIGSTOP),
        give=lambda project: send(project, signal.SIGCONT),
    )


def _slowed(name: str, services: Sequence[str], quota: int, *alerts: tuple[str, Labels]) -> Part:
    """Fewer processors instead of more customers: what comes is then too much for what is left,
    which is so many microseconds of each second."""

    def limit(project: ComposeProject, period: int, quota: int) -> None:
        ids = [one.id for one in project.containers(*services)]
        numbers = ("--cpu-period", str(period), "--cpu-quota", str(quota))
        project.run("docker", "update", *numbers, *ids)

    return Part(
        name,
        alerts,
        take=lambda project: limit(project, 1_000_000, quota),
        give=lambda project: limit(project, 100_000, -1),
    )


def _disturbed(name: str, disturbance: Disturbance, *alerts: tuple[str, Labels]) -> Part:
    return Part(name, alerts, take=disturbance.begin, give=disturbance.end)


def _silent(service: str) -> tuple[str, Labels]:
    return "ServiceSilent", {"service_name": service}


def _down(job: str, **labels: str) -> tuple[str, Labels]:
    return "ServerDown", {"job": job, **labels}


def _unscraped(job: str) -> tuple[str, Labels]:
    return "TargetDown", {"job": job}


def _missing(service: str) -> tuple[str, Labels]:
    return "ContainerMissing", {"service": service}


def _broken(part: str) -> tuple[str, Labels]:
    return "AlertingBroken", {"part": part}


# Each wave is away at once: none of its parts is needed to notice another one's absence. In the
# first one, which CI takes, orders are accepted that nobody stores, before they are refused.
FIRST_WAVE = (
    _stopped("consumer", _silent("consumer"), ("OrdersNotStored", {})),
    _stopped("service-http", _silent("service-http")),
    _stopped("cache-redis", _down("redis", instance="cache-redis")),
    _stopped("mysql", _down("mysql")),
    _stopped("victoria-logs", _unscraped("victoria-logs")),
    _stopped("node-exporter", _unscraped("node")),
    _stopped("housekeeping", _missing("housekeeping")),
    # The last one is given back first: what its alert looks at has to fill a minute anew.
    _stopped("publisher", _silent("publisher"), ("OrdersRefused", {})),
)
MORE_WAVES = (
    (
        _stopped("ingress", _down("nginx")),
        _stopped("api-gw", _silent("api-gw")),
        _stopped("queue-redis", _down("redis", instance="queue-redis")),
        _stopped("mysqld-exporter", _unscraped("mysql")),
        _stopped("rotate-nginx-logs", _missing("rotate-nginx-logs")),
        _stopped("alert-page", _missing("alert-page")),
    ),
    (
        _stopped("victoria-metrics", _broken("victoria-metrics")),
        _stopped("vmalert", _broken("vmalert")),
    ),
    # With twenty times as much, customers who wait for each other still buy.
    (
        _slowed(
            "the capacity", ("frontend", "api-gw", "service-http"), 1000, ("NothingSucceeds", {})
        ),
    ),
    # Enough for a third of what comes, of which none is quick.
    (_slowed("the speed of frontend", ("frontend",), 4_000, ("ShopSlow", {})),),
    (
        _disturbed(
            "consumer, now and then", halt_now_and_then("consumer"), ("OrdersStoredLate", {})
        ),
        _disturbed(
            "the connections of api-gw",
            keep_connecting("api-gw", 8081),
            ("ConnectionsRefused", {"service_name": "api-gw", "outcome": "made_room"}),
        ),
    ),
    (
        _stopped("frontend", _silent("frontend"), ("ShopFails", {}), ("NothingSucceeds", {})),
        _frozen("queue-redis", _down("redis", instance="queue-redis")),
        _frozen("mysql", _down("mysql")),
        _stopped("cadvisor", _unscraped("containers")),
        _stopped("vmalert-logs", _unscraped("vmalert-logs")),
    ),
    (
        _stopped("otel-collector", _unscraped("otel-collector")),
        _stopped("redis-exporter", _unscraped("redis")),
        _stopped("nginx-exporter", _unscraped("nginx")),
        _hung("publisher", ("ContainerUnhealthy", {"service": "publisher"})),
    ),
)
