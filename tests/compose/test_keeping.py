"""Stop and start, down and up: every order is kept, whether stored already or still waiting."""

from contextlib import closing

import httpx
import pytest

from tests.compose.customers import assert_each_is_one_order
from tests.compose.project import ComposeProject
from tests.e2e.conftest import Guest, eventually

WAITING = 8


@pytest.mark.parametrize("way", ["stop and start", "down and up"])
def test_orders_are_kept(project: ComposeProject, way: str) -> None:
    with closing(Guest(project.shop_url)) as guest:
        stored = accept(guest, 3)
        project.compose("stop", "consumer")
        waiting = accept(guest, WAITING)
        cookies = guest.http.cookies  # good with the secret that is kept
    before = {one.name: one.id for one in project.containers()}
    if way == "stop and start":
        project.compose("stop")
        project.compose("start")
        assert {one.name: one.id for one in project.containers()} == before
    else:
        project.down()
        # Without telemetry for once: the shop needs none.
        project.up(COMPOSE_PROFILES="minimal")
        running = {one.service for one in project.containers()}
        assert not running & {"otel-collector", "victoria-metrics", "vmalert", "redis-exporter"}
    with httpx.Client(base_url=project.shop_url, cookies=cookies, timeout=15) as again:
        eventually(
            lambda: {order_status(again, order_id) for order_id in (*stored, *waiting)},
            lambda found: found == {"confirmed"},
            seconds=90,
        )
    assert_each_is_one_order(project, [*stored, *waiting])
    eventually(
        lambda: [one.name for one in project.containers() if not one.well],
        lambda unwell: not unwell,
        seconds=60,
    )


def accept(guest: Guest, number: int) -> list[str]:
    product = guest.product()["product_id"]
    answers = [guest.post_order({product: 1}) for _ in range(number)]
    assert {answer.status_code for answer in answers} == {202}
    return [answer.json()["order_id"] for answer in answers]


def order_status(client: httpx.Client, order_id: str) -> str:
    """Also while the shop is just coming back."""
    try:
        answer = client.get(f"/api/orders/{order_id}")
    except httpx.TransportError:
        return "no answer"
    return str(answer.json()["status"])


def test_nothing_was_made_anew(project: ComposeProject) -> None:
    """Another `up`, now with telemetry again, makes no secret and adds no product."""
    project.up()
    assert {"otel-collector", "victoria-metrics"} <= {one.service for one in project.containers()}
    for service, line in (
        ("bootstrap", "0 secret files written"),
        ("migrate", "0 products added"),
    ):
        last = project.compose("logs", "--no-color", "--no-log-prefix", service).splitlines()
        assert any(text.startswith(line) for text in last[-2:]), last
