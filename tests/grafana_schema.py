"""Whether a dashboard is one that Grafana knows, by the types of its foundation SDK, which are made
from Grafana's own schemas: no field that it does not have, no value of another type."""

import json
import sys
import warnings
from collections.abc import Iterator
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import Runtime, UnknownDataquery
from grafana_foundation_sdk.models import units

with warnings.catch_warnings():
    # It would rather have the form of Grafana's own API, which files of provisioning have not.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.models.dashboard import Dashboard

UNITS = {value for value in vars(units).values() if isinstance(value, str)}


@cache
def panel_types() -> set[str]:
    """Those that Grafana has today; ones that it has replaced (`graph`, `singlestat`) are gone."""
    register_default_plugins()
    # Of which the SDK has no types: options of a trace's panel.
    return {*Runtime().panelcfg_variants, "row", "traces"}


def complaints(dashboard: dict[str, Any]) -> list[str]:
    types = {panel["type"] for panel in dashboard["panels"]}
    if unknown := types - panel_types():
        return [f"no such panels: {unknown}"]
    read = Dashboard.from_json(dashboard)
    known = json.loads(JSONEncoder().encode(read))
    return [*_unknown(dashboard, known, ""), *_of_wrong_type(read, Dashboard, "")]


def _unknown(written: Any, known: Any, where: str) -> Iterator[str]:
    """What the SDK has not read, and so would not write again."""
    if isinstance(written, dict) and isinstance(known, dict):
        for key, value in written.items():
            if key in known:
                yield from _unknown(value, known[key], f"{where}.{key}")
            else:
                yield f"{where}.{key} is not known"
    elif isinstance(written, list) and isinstance(known, list) and len(written) == len(known):
        for number, (one, other) in enumerate(zip(written, known, strict=True)):
            yield from _unknown(one, other, f"{where}[{number}]")
    elif written != known:
        yield f"{where} is {written!r} and is read as {known!r}"


def _of_wrong_type(value: Any, hint: Any, where: str) -> Iterator[str]:
    origin, arguments = get_origin(hint), get_args(hint)
    if type(value).__module__.startswith("grafana_foundation_sdk.models"):
        hints = get_type_hints(type(value), vars(sys.modules[type(value).__module__]))
        for name, inner in hints.items():
            yield from _of_wrong_type(getattr(value, name), inner, f"{where}.{name}")
    elif origin in (Union, UnionType):
        tried = [one for one in arguments if one is not NoneType or value is None]
        yield from min((list(_of_wrong_type(value, one, where)) for one in tried), key=len)
    elif origin is list and isinstance(value, list):
        for number, one in enumerate(value):
            yield from _of_wrong_type(one, arguments[0], f"{where}[{number}]")
    elif origin is dict and isinstance(value, dict):
        for key, one in value.items():
            yield from _of_wrong_type(one, arguments[1], f"{where}.{key}")
    elif not _fits(value, hint, origin, arguments):
        yield f"{where} is {value!r}, not {hint}"


def _fits(value: Any, hint: Any, origin: Any, arguments: tuple[Any, ...]) -> bool:
    if origin is Literal:
        return value in arguments
    if isinstance(hint, type) and issubclass(hint, Enum):
        return value in {one.value for one in hint}
    if hint is float:
        return isinstance(value, int | float)
    kinds = (str, int, bool, NoneType)
    if isinstance(value, UnknownDataquery):
        # VictoriaLogs' and Jaeger's: their types are not among Grafana's own.
        return True
    return hint in (Any, object) or (hint in kinds and isinstance(value, hint))
