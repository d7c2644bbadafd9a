"""The very tests of the embedded run, through nginx and against MySQL."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.compose.project import ComposeProject
from tests.e2e import test_bad_input, test_orders, test_traces

# Those that start, stop or look at processes of their own, or at the embedded run's files.
NOT_HERE = {
    "test_too_many_orders_of_one_guest_are_429",
    "test_a_service_that_hangs_is_504_within_the_frontends_time",
    "test_a_service_that_is_gone_is_said_so_and_the_key_stays_good",
    # Not routed by the ingress: test_ingress.py.
    "test_the_probes_alone_are_at_the_front_door",
    "test_the_shop_is_well_after_all_of_this",
    # Metrics and logs go to their stores here: test_first_telemetry.py.
    "test_routes_are_named_and_never_filled_in",
    "test_idle_polling_and_probes_leave_no_spans",
    "test_nothing_personal_is_in_any_telemetry",
    "test_the_metrics_of_the_contract_arrive",
}


def _tests_of(module: Any) -> dict[str, Callable[..., object]]:
    return {name: thing for name, thing in vars(module).items() if name.startswith("test_")}


_ALL = {**_tests_of(test_orders), **_tests_of(test_bad_input), **_tests_of(test_traces)}
assert _ALL.keys() >= NOT_HERE
globals().update({name: test for name, test in _ALL.items() if name not in NOT_HERE})
ordered = test_traces.ordered


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/metrics"])
def test_nothing_of_the_machinery_is_at_the_front_door(stack: ComposeProject, path: str) -> None:
    assert httpx.get(f"{stack.shop_url}{path}").status_code == 404


def test_every_container_is_well_after_all_of_this(project: ComposeProject) -> None:
    unwell = [one for one in project.containers() if not one.well or one.restarts]
    assert unwell == []
    assert "unexpected error" not in project.compose("logs", "--no-color")
