"""What was promised and is kept, and what waits."""

from contracts import telemetry
from observability.dashboards.names import counter, gauge, histogram
from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import SERVER, or_zero, share_of

STORED = histogram(telemetry.ORDERS_TIME_TO_STORED)
ACCEPTED = counter(telemetry.ORDERS_ACCEPTED)
# What each may miss in 30 days.
_BUDGETS = {"browsing": 0.001, "orders stored": 0.01}


def _bad(window: str) -> dict[str, str]:
    """Share that is bad: answers with 5xx, and orders without their row after 5 s, a bound of the
    histogram."""

    def answers(labels: str = "") -> str:
        return f'sum(increase({SERVER}_count{{service_name="frontend"{labels}}}[{window}]))'

    accepted = f"sum(increase({ACCEPTED}[{window}]))"
    soon = f'sum(increase({STORED}_bucket{{le="5"}}[{window}]))'
    return {
        "browsing": share_of(answers(', http_response_status_code=~"5.."'), answers()),
        "orders stored": f"clamp_min(1 - {share_of(soon, accepted)}, 0)",
    }


STATE = Row(
    "",
    [
        Panel(
            "Kept in the last hour",
            "Share of answers without a 5xx, and of accepted orders with their row within 5 s. "
            "Below 99.9 %: the row of requests says since when and which service.",
            [Query(f"1 - ({bad})", name) for name, bad in _bad("1h").items()],
            kind="stat",
            unit="percentunit",
            width=6,
            height=3,
            warn=0.999,
            bad=0.99,
            low_is_bad=True,
            most=1,
        ),
        Panel(
            "Error budget left",
            "Of what 30 days may miss (0.1 % of answers, 1 % of orders). Half gone before half the "
            "time: put reliability before features; gone: change nothing but what mends it.",
            [Query(f"1 - ({bad}) / {_BUDGETS[name]}", name) for name, bad in _bad("30d").items()],
            kind="stat",
            unit="percentunit",
            width=6,
            height=3,
            warn=0.5,
            bad=0.1,
            low_is_bad=True,
            most=1,
            least=None,
        ),
        Panel(
            "Waiting",
            "Orders that were accepted and have no row yet. More than a few for longer than a "
            "moment: is a consumer running, does MySQL answer? Dashboard Order pipeline.",
            [Query(f"max({gauge(telemetry.QUEUE_BACKLOG)})")],
            kind="stat",
            width=3,
            height=3,
            warn=100,
            bad=10_000,
        ),
        Panel(
            "Oldest",
            "How long the oldest of them has waited. Above a minute the alert OrdersNotStored "
            "fires and says what to do.",
            [Query(f"max({gauge(telemetry.QUEUE_OLDEST_AGE)})")],
            kind="stat",
            unit="s",
            width=3,
            height=3,
            warn=10,
            bad=60,
        ),
        Panel(
            "Dead letters",
            "Orders that could not be processed; their customers see them as held. List, then "
            "replay or drop: `python -m services.consumer.dead_letters`.",
            [Query(f"max({gauge(telemetry.QUEUE_DEAD)})")],
            kind="stat",
            width=3,
            height=3,
            warn=1,
            bad=10,
        ),
        Panel(
            "Alerts",
            "Firing now, the watchdog left out. Which, and what to do: Grafana's Alerting lists "
            "them, each with its runbook.",
            [Query(or_zero('count(ALERTS{alertstate="firing", severity!="none"})'))],
            kind="stat",
            width=3,
            height=3,
            warn=1,
            bad=1,
        ),
    ],
)
