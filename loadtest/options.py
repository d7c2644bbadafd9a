"""What a load run can be told, beside what Locust's own command line knows."""

from typing import Any

from loadtest.allowed_hosts import require_allowed_host
from loadtest.plan import Arrivals, Plan, PlanRefused, read_rates
from loadtest.usage import reader_for

_USUAL = Plan((20.0,))


def add_options(parser: Any) -> None:
    """To Locust's parser. Each also as a variable LOAD_…, for containers."""
    group = parser.add_argument_group("Arloji")
    for names, kind, usual, text in (
        ("--steps", str, "20,40,80", "requests per second of each step"),
        ("--step-seconds", float, _USUAL.step_seconds, "how long each step lasts"),
        ("--rest-seconds", float, _USUAL.rest_seconds, "between two steps"),
        ("--warm-up-seconds", float, _USUAL.warm_up_seconds, "at the first rate; not judged"),
        ("--timeout-seconds", float, _USUAL.timeout_seconds, "for one answer"),
        (
            # The second is its name of before.
            "--order-timeout-seconds --order-patience-seconds",
            *(float, _USUAL.order_timeout_seconds, "until an order must have ended"),
        ),
        ("--seed", int, _USUAL.seed, "the same seed makes the same plan"),
        ("--arrivals", Arrivals, _USUAL.arrivals, "how the starts of visits are spaced"),
        ("--results", str, "var/load", "folder for the report, the figures and the plot"),
        ("--usage", str, "", "whose CPU and memory to note: a data folder or compose:PROJECT"),
        ("--allow-host", str, "", "hosts to load that are not your own machine, comma separated"),
    ):
        first, *others = names.split()
        variable = f"LOAD_{first[2:].upper().replace('-', '_')}"
        choices = list(Arrivals) if kind is Arrivals else None
        group.add_argument(
            *(first, *others),
            **{"type": kind, "default": usual, "help": text},
            **{"env_var": variable, "choices": choices},
        )


def plan_from(options: Any) -> Plan:
    """Raises PlanRefused. Values from Locust's web page come as text."""
    try:
        return Plan(
            rates=read_rates(options.steps),
            step_seconds=float(options.step_seconds),
            rest_seconds=float(options.rest_seconds),
            warm_up_seconds=float(options.warm_up_seconds),
            arrivals=Arrivals(options.arrivals),
            seed=int(options.seed),
            timeout_seconds=float(options.timeout_seconds),
            order_timeout_seconds=float(options.order_timeout_seconds),
        )
    except ValueError as error:
        raise PlanRefused(f"This is no plan: {error}.") from None


def require_allowed(url: str | None, options: Any) -> str:
    """The shop's address without a slash at the end; raises PlanRefused."""
    if not url:
        raise PlanRefused("Name the shop: --host http://127.0.0.1:8080.")
    require_allowed_host(url, options.allow_host.split(","))
    return url.rstrip("/")


def require_sane(options: Any, url: str | None) -> None:
    """Ends the process with a sentence, before anything is started."""
    try:
        plan_from(options)
        reader_for(options.usage)
        if url:  # the web page asks for it later
            require_allowed(url, options)
    except PlanRefused as error:
        print(error, flush=True)
        raise SystemExit(2) from None
