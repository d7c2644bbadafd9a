"""Queries in the forms that several panels share."""

from observability.dashboards.panels import Query

RATE = "[$__rate_interval]"


def rate(series: str, by: str = "") -> str:
    return f"sum{f' by ({by}) ' if by else ''}(rate({series}{RATE}))"


def or_zero(expression: str) -> str:
    """For counters that do not exist before their first event."""
    return f"{expression} or vector(0)"


def per_minute(series: str, by: str = "") -> str:
    """For what happens seldom: unlike a rate, it shows the very first event, too."""
    return f"sum{f' by ({by}) ' if by else ''}(increase({series}[1m]))"


def quantile(share: float, series: str, by: str = "", window: str = "$__rate_interval") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (increase({series}_bucket[{window}])))"


def percentiles(series: str) -> list[Query]:
    return [Query(quantile(share, series), f"p{round(share * 100)}") for share in (0.5, 0.95, 0.99)]
