"""All logs: how many, from whom, which complaints repeat, and the newest lines."""

from observability.dashboards.layout import dashboard, text_variable
from observability.dashboards.panels import LOGS, Json, Panel, Query, Row, log_lines
from observability.dashboards.queries import service_variable

_CHOSEN = '{service.name=~"$service"} $search'
_COMPLAINTS = "severity_text:in(WARN, WARNING, ERROR, FATAL, CRITICAL)"


def _by(title: str, description: str, field: str) -> Panel:
    return Panel(
        title,
        description,
        [
            Query(
                f"{_CHOSEN} | stats by ({field}) count() lines",
                f"{{{{{field}}}}}",
                LOGS,
                "statsRange",
            )
        ],
        stacking="normal",
    )


VOLUME = Row(
    "How many",
    [
        _by(
            "Lines by service",
            "Who writes how much. One that writes far more than requests explain: its level, or a "
            "failure that repeats; the patterns beside this name it.",
            "service.name",
        ),
        _by(
            "Lines by severity",
            "A burst of warnings or errors: the panel of complaints below has them, and the "
            "pattern that repeats says which one to begin with.",
            "severity_text",
        ),
        Panel(
            "Complaints that repeat",
            "Warnings and errors by service and text, numbers and ids left out. Begin with the "
            "longest bar; one that is new since the last release is the release's.",
            [
                Query(
                    f"{_CHOSEN} {_COMPLAINTS} | collapse_nums prettify "
                    "| stats by (service.name, _msg) count() lines "
                    "| sort by (lines desc) | limit 12",
                    "{{service.name}}: {{_msg}}",
                    LOGS,
                    "stats",
                )
            ],
            kind="bargauge",
            warn=10,
            bad=100,
        ),
    ],
)

LINES = Row(
    "Lines",
    [
        log_lines(
            "Warnings and errors",
            "Newest first. A line with a trace id links to its request, its service's name to "
            "that service's figures.",
            f"{_CHOSEN} {_COMPLAINTS}",
        ),
        log_lines(
            "Newest lines",
            "All of them, every five seconds anew; nothing here while the shop is used: does the "
            "collector deliver (dashboard Telemetry health)? Explore, Live streams them.",
            _CHOSEN,
            height=12,
        ),
    ],
)


def logs() -> Json:
    return dashboard(
        "arloji-logs",
        "Logs",
        "Volume, complaints that repeat, and the newest lines. The search is LogsQL: a word, or "
        "`trace_id:=…`.",
        [VOLUME, LINES],
        variables=[
            service_variable("nginx", "mysql", "queue-redis", "cache-redis", "housekeeping"),
            text_variable("search", "Search", "*"),
        ],
        refresh="5s",
    )
