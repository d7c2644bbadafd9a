"""The cache: who is served from it, and what it has to forget."""

from contracts import telemetry
from observability.dashboards.names import counter
from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import RATE, rate, share_of

_ASKED = counter(telemetry.CACHE_REQUESTS)
_CACHE = '{instance="cache-redis"}'

CACHE = Row(
    "Cache Redis",
    [
        Panel(
            "Cache hits",
            "Share of look-ups that needed no database, over five minutes. Low for long: is the "
            "cache Redis up, is it evicting (beside this)?",
            [
                Query(
                    share_of(
                        f'sum(increase({_ASKED}{{result=~"hit|negative|stale"}}[5m]))',
                        f"sum(increase({_ASKED}[5m]))",
                    ),
                    "hits",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.5,
            bad=0.2,
            low_is_bad=True,
        ),
        Panel(
            "Look-ups by result",
            "`stale` and `failed`: the database did not answer; `bypass`: the cache did not, and "
            "the database was asked each time.",
            [Query(rate(_ASKED, "result"), "{{result}}")],
            unit="reqps",
            stacking="normal",
        ),
        Panel(
            "Cache: evicted and expired",
            "Keys per second. Evicted all the time: `maxmemory` is too small for what is asked "
            "for, and hits fall; expired is how it should be.",
            [
                Query(f"rate(redis_evicted_keys_total{_CACHE}{RATE})", "evicted"),
                Query(f"rate(redis_expired_keys_total{_CACHE}{RATE})", "expired"),
            ],
            unit="ops",
        ),
    ],
)
