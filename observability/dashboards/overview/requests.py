"""Rate, errors and duration of each service."""

from observability.dashboards.links import of_service, to_dashboard
from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import RATE, SERVER, quantile, rate, share_of

_LINKS = (*to_dashboard("arloji-request-path", "Request path"), *of_service())


def error_share(by: str = "service_name", labels: str = "") -> str:
    def answers(more: str = "") -> str:
        chosen = ", ".join(filter(None, (labels, more)))
        return f"sum by ({by}) (increase({SERVER}_count{{{chosen}}}{RATE}))"

    return share_of(answers('http_response_status_code=~"5.."'), answers())


REQUESTS = Row(
    "",
    [
        Panel(
            "Rate",
            "Requests per second that each service answers. A service without traffic while "
            "others have some: does the one before it reach it?",
            [Query(rate(f"{SERVER}_count", "service_name"), "{{service_name}}")],
            unit="reqps",
            height=6,
            links=_LINKS,
        ),
        Panel(
            "Errors",
            "Share of answers with status 5xx. The service at the end of the chain that has "
            "them is the cause; follow the link to its logs and traces.",
            [Query(error_share(), "{{service_name}}")],
            unit="percentunit",
            warn=0.01,
            bad=0.05,
            height=6,
            links=_LINKS,
        ),
        Panel(
            "Latency, p95",
            "Each service includes what it waits for. Where the step between two lines is "
            "large, the time is lost; the traces show on what.",
            [Query(quantile(0.95, SERVER, "service_name"), "{{service_name}}")],
            unit="s",
            warn=0.5,
            bad=2,
            height=6,
            links=_LINKS,
        ),
    ],
)
