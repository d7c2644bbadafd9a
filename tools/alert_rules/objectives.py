"""Service level objectives: what is measured of each, how fast its error budget burns, and the
alerts on that (several windows and burn rates, as chapter 5 of Google's Site Reliability Workbook
has them)."""

from collections.abc import Iterator
from dataclasses import dataclass
from string import Template


@dataclass(frozen=True)
class Objective:
    """`share` of the events of 30 days are good. `bad` and `all` are events a second over
    `$window`."""

    name: str
    share: str
    about: str
    bad: str
    all: str

    @property
    def budget(self) -> str:
        return f"{1 - float(self.share):.6f}".rstrip("0")


# Measured at the edge, where customers notice it. 429 and other refusals of what a client did are
# answers as good as any; without an answer (status 0 or 499) the client left first.
def _edge(which: str, part: str = "count", more: str = "") -> str:
    selector = f'{{service_name="nginx", {which}{more}}}'
    return f"sum(rate(http_server_request_duration_seconds_{part}{selector}[$window]))"


_BROWSING = 'http_request_method="GET"'
_ORDERING = 'http_request_method="POST", http_route=~"/orders|/api/orders"'
_5XX = ', http_response_status_code=~"5.."'
_SOON_ENOUGH = _edge(_BROWSING, "bucket", ', le="0.5"')
_ACCEPTED = "sum(increase(arloji_orders_accepted_total[$window] offset 20s))"
_STORED_SOON = 'sum(increase(arloji_orders_time_to_stored_seconds_bucket{le="5"}[$window]))'

OBJECTIVES = (
    Objective(
        "browsing-availability",
        "0.999",
        "Pages and product data that the edge answers without a 5xx.",
        f"({_edge(_BROWSING, more=_5XX)} or vector(0))",
        _edge(_BROWSING),
    ),
    Objective(
        "browsing-latency",
        "0.99",
        "The same, answered within 0.5 s, a bound of the histogram.",
        f"({_edge(_BROWSING)} - {_SOON_ENOUGH})",
        _edge(_BROWSING),
    ),
    Objective(
        "ordering-availability",
        "0.999",
        "Orders that are sent and answered without a 5xx.",
        f"({_edge(_ORDERING, more=_5XX)} or vector(0))",
        _edge(_ORDERING),
    ),
    # Against what the publisher has accepted: consumers that are gone report nothing, good or bad.
    # 5 s for the row and 15 s for both to be reported: no order is missed before its time.
    Objective(
        "orders-stored",
        "0.99",
        "Accepted orders that have their row within 5 s, a bound of the histogram.",
        f"clamp_min({_ACCEPTED} - ({_STORED_SOON} or vector(0)), 0)",
        _ACCEPTED,
    ),
)

# Window → how often it is worked out.
_WINDOWS = {
    "5m": "15s",
    "30m": "15s",
    "1h": "15s",
    "2h": "1m",
    "6h": "1m",
    "1d": "5m",
    "3d": "5m",
    "30d": "5m",
}
# Alert, severity and its pairs: burn rate, long and short window, and since when there must be
# figures for the long one to mean anything.
_BURNS = {
    ("ErrorBudgetBurnsFast", "page"): (("14.4", "1h", "5m", "50m"), ("6", "6h", "30m", "5h")),
    ("ErrorBudgetBurnsSlowly", "ticket"): (("3", "1d", "2h", "20h"), ("1", "3d", "6h", "60h")),
}
# One bad event of five is no burn rate.
_LEAST_EVENTS_A_SECOND = "0.02"

_ALERT = """\
      - alert: {name}
        expr: >-
          {conditions}
        for: 1m
        labels: {{severity: {severity}}}
        annotations:
          summary: "{{{{ $value | humanizePercentage }}}} of {{{{ $labels.slo }}}} is bad"
          description: >-
            At this rate the error budget of 30 days is used up {soon}. The panels
            *Errors*, *Latency, p95* and *Time to stored* say since when and where; other alerts
            that fire say why.
          dashboard: "{{{{ $externalURL }}}}/d/arloji-overview"
          runbook_url: docs/runbooks/objectives.md#{anchor}
"""


def _records() -> Iterator[str]:
    for interval in dict.fromkeys(_WINDOWS.values()):
        yield f"  - name: objectives every {interval}\n    interval: {interval}\n    rules:\n"
        for one in OBJECTIVES:
            if interval == "15s":
                yield f"      # {one.about}\n"
                yield from _record("slo:error_budget:ratio", one, f"vector({one.budget})")
            for window in (name for name, every in _WINDOWS.items() if every == interval):
                in_window = {"window": window}
                ratio = Template(f"{one.bad} / ({one.all} > 0)").substitute(in_window)
                yield from _record(f"slo:error_ratio:rate{window}", one, ratio)
                if window == "1h":
                    yield from _record(f"slo:events:rate{window}", one, _events(one, window))


def _events(one: Objective, window: str) -> str:
    return Template(one.all.replace("increase(", "rate(")).substitute(window=window)


def _record(name: str, one: Objective, expr: str) -> Iterator[str]:
    yield f"      - record: {name}\n        labels: {{slo: {one.name}}}\n        expr: >-\n"
    yield f"          {expr}\n"


def _alerts() -> Iterator[str]:
    yield "  - name: error budgets\n    rules:\n"
    for (name, severity), pairs in _BURNS.items():
        conditions = "\n          or ".join(
            f"(slo:error_ratio:rate{long} > {rate} * slo:error_budget:ratio"
            f" and slo:error_ratio:rate{short} > {rate} * slo:error_budget:ratio"
            f" and slo:events:rate1h > {_LEAST_EVENTS_A_SECOND}"
            f' and on () up{{job="victoria-metrics"}} offset {since})'
            for rate, long, short, since in pairs
        )
        soon = "within days" if severity == "page" else "before they are over"
        yield _ALERT.format(
            name=name, severity=severity, conditions=conditions, soon=soon, anchor=name.lower()
        )


def render() -> str:
    return "groups:\n" + "".join((*_records(), *_alerts()))
