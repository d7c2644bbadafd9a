"""A load run beside what the shop says of it. The load tester exports nothing: the edge counts what
comes from it by its User-Agent, so the figures are there for every way to start it."""

from observability.dashboards.layout import dashboard
from observability.dashboards.links import of_service
from observability.dashboards.overview.objectives import ACCEPTED, STORED
from observability.dashboards.overview.requests import error_share
from observability.dashboards.panels import LOGS, Json, Panel, Query, Row
from observability.dashboards.queries import (
    ACCESS_LOG,
    RATE,
    SERVER,
    or_zero,
    percentiles,
    quantile,
    rate,
)

# Of loadtest/client.py.
USER_AGENT = "arloji-load"
_OF_TESTER = f'{ACCESS_LOG} "user_agent.original":="{USER_AGENT}"'
_STATUS = '"http.response.status_code"'


def _counted(condition: str, name: str) -> Query:
    """Not every second has a request, and `rate` is per second of each step."""
    expression = f"{_OF_TESTER} {condition} | stats rate() requests".replace("  ", " ")
    return Query(expression, name, LOGS, "statsRange")


TESTER = Row(
    "The tester's requests, at the edge",
    [
        Panel(
            "Offered and achieved",
            "What came from the tester, and what was answered as asked. They part where the shop "
            "is full; below the plan itself (its report): the tester's machine is too small.",
            [_counted("", "offered"), _counted(f"{_STATUS}:<400", "achieved")],
            unit="reqps",
        ),
        Panel(
            "Latency of the tester",
            "From nginx's first byte in to its last byte out. It rises before errors come: the "
            "step before is what this machine carries.",
            [
                Query(
                    f"{_OF_TESTER} | stats quantile({share}, duration) seconds",
                    f"p{round(share * 100)}",
                    LOGS,
                    "statsRange",
                )
                for share in (0.5, 0.95, 0.99)
            ],
            unit="s",
            warn=0.5,
            bad=2,
        ),
        Panel(
            "Not answered as asked",
            "By status. 429 is the edge's limit for one client: raise ARLOJI_RATE for a load test; "
            "503 is the gateway's refusal, 499 the tester that gave up.",
            [
                Query(
                    f"{_OF_TESTER} {_STATUS}:>=400 | stats by ({_STATUS}) rate() requests",
                    "{{http.response.status_code}}",
                    LOGS,
                    "statsRange",
                )
            ],
            unit="reqps",
            stacking="normal",
            warn=1,
        ),
    ],
)

SERVICES = Row(
    "The same time, as the services see it",
    [
        Panel(
            "Answered by the frontend",
            "All requests, others' than the tester's included. Below what the edge has: nginx "
            "answers itself (limits, errors), the panel above says with what.",
            [Query(rate(f'{SERVER}_count{{service_name="frontend"}}'), "requests")],
            unit="reqps",
        ),
        Panel(
            "Latency of the frontend",
            "Far below what the edge has: requests wait before the frontend takes them; give it "
            "replicas.",
            percentiles(SERVER, 'service_name="frontend"'),
            unit="s",
            warn=0.5,
            bad=2,
        ),
        Panel(
            "Errors of each service",
            "Share of answers with status 5xx. The last service of the chain that has them is "
            "what fails first under load.",
            [Query(error_share(), "{{service_name}}")],
            unit="percentunit",
            warn=0.01,
            bad=0.05,
            links=of_service(),
        ),
        Panel(
            "CPU of each service",
            "Cores in use, its replicas added. One that stands at one core per replica is what "
            "limits the shop: scale that one.",
            [
                Query(
                    f"sum by (service_name) (rate(process_cpu_time_seconds_total{RATE}))",
                    "{{service_name}}",
                )
            ],
            warn=1,
        ),
        Panel(
            "Orders a second",
            "Accepted and stored. They part where the consumers are full; the queue takes the "
            "difference and is emptied after the run.",
            [
                Query(or_zero(rate(ACCEPTED)), "accepted"),
                Query(or_zero(rate(f"{STORED}_count")), "stored"),
            ],
            unit="ops",
        ),
        Panel(
            "Order stored, p99",
            "From the 202 to the row; 5 s are promised. Beyond that at a rate that the front still "
            "answers: more consumers, or a faster database disk.",
            [Query(quantile(0.99, STORED), "p99")],
            unit="s",
            warn=1,
            bad=5,
        ),
    ],
)


def load_test() -> Json:
    return dashboard(
        "arloji-load-test",
        "Load test",
        "Offered and achieved rate, latency and errors of `make load`, and the services' own view.",
        [TESTER, SERVICES],
    )
