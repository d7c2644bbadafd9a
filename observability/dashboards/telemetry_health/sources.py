"""Who reports, and who watches."""

from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import or_zero

SOURCES = Row(
    "Who reports and who watches",
    [
        Panel(
            "Services reporting",
            "Processes whose metrics arrive: one frontend, two of each other but one publisher, "
            "unless scaled. Fewer: `docker compose ps`.",
            [Query("count(count by (service_instance_id) (process_uptime_seconds))")],
            kind="stat",
            width=4,
            height=4,
            warn=5,
            bad=5,
            low_is_bad=True,
        ),
        Panel(
            "Targets that are down",
            "Of all that is scraped. Any: the alert TargetDown names it; until it is back its "
            "panels are empty.",
            [Query(or_zero("count(up == 0)"))],
            kind="stat",
            width=4,
            height=4,
            warn=1,
            bad=2,
        ),
        Panel(
            "Rules that fail",
            "Of vmalert, in the last minute, in which each is evaluated four times. Any: those "
            "alerts are blind; its log names the rule (`docker compose logs vmalert`).",
            [Query("sum(increase(vmalert_execution_errors_total[1m]))")],
            kind="stat",
            width=4,
            height=4,
            warn=1,
            bad=1,
        ),
        Panel(
            "Alerts not delivered",
            "From vmalert to Alertmanager, and from there to who is to be told, in five minutes. "
            "Each is tried again: red is who keeps failing, and nobody is called; the logs of both "
            "say why.",
            [
                Query(
                    "sum(increase(vmalert_alerts_send_errors_total[5m])) "
                    "+ sum(increase(alertmanager_notifications_failed_total[5m]))"
                )
            ],
            kind="stat",
            width=4,
            height=4,
            warn=1,
            bad=3,
        ),
        Panel(
            "Slowest scrapes",
            "Seconds that the slowest five targets take, of ten that they may. Rising: an exporter "
            "short of CPU, or what it asks is slow.",
            [Query("topk(5, scrape_duration_seconds)", "{{job}}")],
            unit="s",
            warn=5,
            bad=10,
            width=8,
            height=4,
        ),
        Panel(
            "Alerts that fire",
            "Which, and from when to when, also of last night. Each has its section in "
            "docs/runbooks; what fires now is on the page of alerts.",
            [
                Query(
                    or_zero(
                        "sum by (alertname, severity) "
                        '(ALERTS{alertstate="firing", severity!="none"})'
                    ),
                    "{{alertname}} {{severity}}",
                )
            ],
            width=16,
            height=6,
        ),
        Panel(
            "How long alerts fired",
            "In the chosen time, all together. Often and short: its cause comes and goes, or its "
            "bound is too tight; for hours, and nobody saw to it: to whom is it delivered?",
            [
                Query(
                    or_zero(
                        "count_over_time((max by (alertname) "
                        '(ALERTS{alertstate="firing", severity!="none"}))[$__range:15s]) * 15'
                    ),
                    "{{alertname}}",
                    instant=True,
                )
            ],
            kind="bargauge",
            unit="s",
            warn=60,
            bad=3600,
            width=8,
            height=6,
        ),
    ],
)
