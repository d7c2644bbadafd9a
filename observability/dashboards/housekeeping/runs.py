"""Which commands ran, how they ended, and what they freed."""

from contracts import telemetry
from observability.dashboards.housekeeping.queries import COMMAND, daily, last, since_success
from observability.dashboards.journeys import REQUEST, TRACE_ID
from observability.dashboards.panels import LOGS, TRACES, Panel, Query, Row, log_lines

_BY = "command, writer"

RUNS = Row(
    "Runs",
    [
        Panel(
            "Since the last success",
            "Of each command. Hourly ones are due after an hour, backups and purges after a day, "
            "drills and images after a week; what failed says why under Runs below.",
            [Query(since_success(by=_BY), COMMAND)],
            kind="stat",
            unit="s",
            width=24,
            height=5,
            warn=26 * 3600,
            bad=8 * 86_400,
        ),
        Panel(
            "Last runs",
            "When each command ended as it says, for the last time. A failure or a finding newer "
            "than the success beside it has not been put right: Runs, below, says why.",
            [
                Query(
                    f"{last(telemetry.HOUSEKEEPING_LAST_RUN, by=f'{_BY}, outcome')} * 1000",
                    f"{COMMAND} {{{{outcome}}}}",
                    instant=True,
                    more={"format": "table"},
                )
            ],
            kind="table",
            unit="dateTimeAsIso",
            width=24,
        ),
        Panel(
            "Duration",
            "How long each run took. One that becomes longer each day will meet its next run: "
            "that one waits, and says so.",
            [Query(daily(telemetry.HOUSEKEEPING_DURATION, _BY), COMMAND)],
            unit="s",
        ),
        Panel(
            "Bytes freed",
            "By purges, rotation and pruning. Nothing for long while disks fill: is the retention "
            "longer than the room?",
            [Query(daily(telemetry.HOUSEKEEPING_FREED, _BY), COMMAND)],
            unit="bytes",
        ),
        Panel(
            "Orders purged",
            "Moved from the database to its archive, where no customer is named. More than usual: "
            "was PURGE_ORDERS_MONTHS lowered?",
            [Query(daily(telemetry.ORDERS_PURGED), "orders")],
        ),
        Panel(
            "Runs by outcome",
            "A finding must be looked at, a failure could not do its work. Rotation and pruning "
            "have no network and are not among these: their figures are above.",
            [
                Query(
                    '{service.name="housekeeping"} | stats by (command, outcome) count() runs',
                    "{{command}} {{outcome}}",
                    LOGS,
                    "statsRange",
                )
            ],
            stacking="normal",
            width=12,
        ),
        Panel(
            "Traces of runs",
            "Each run with its statements: click an id. Where one takes long, its spans show on "
            "what.",
            [
                Query(
                    "",
                    source=TRACES,
                    query_type="search",
                    more={"service": "housekeeping", "limit": 20},
                )
            ],
            kind="table",
            width=12,
            column_links={
                "Trace ID": {
                    "title": "Trace and log lines",
                    "url": f"/d/{REQUEST}/one-request?var-{TRACE_ID}=${{__value.raw}}",
                }
            },
        ),
        log_lines(
            "Runs",
            "Newest first, each with the reason if it failed. A line links to its trace; on "
            "Kubernetes what it printed is here too.",
            '{service.name="housekeeping"}',
        ),
    ],
)
