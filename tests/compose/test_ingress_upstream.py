"""nginx and the frontends behind it, as they come and go; and at the end, what it wrote."""

import re
import threading
import time

import httpx

from tests.compose.project import ComposeProject
from tests.compose.test_ingress import access_log, assert_problem_of_nginx, error_lines
from tests.e2e.conftest import eventually


def test_replicas_of_the_frontend_are_found_and_forgotten_without_a_restart(
    project: ComposeProject,
) -> None:
    """One, two, one again, while requests run: none fails, and the second one gets its part."""
    (ingress,) = project.containers("ingress")
    failures: list[str] = []
    stop = threading.Event()

    def browse() -> None:
        with httpx.Client(base_url=project.shop_url, timeout=15) as client:
            while not stop.is_set():
                try:
                    answer = client.get("/robots.txt")
                    if answer.status_code != 200:
                        failures.append(str(answer.status_code))
                except httpx.TransportError as error:
                    failures.append(repr(error))
                time.sleep(0.02)

    visitor = threading.Thread(target=browse)
    visitor.start()
    try:
        scale = ("up", "--detach", "--wait", "--no-deps", "--no-recreate", "--scale")
        project.compose(*scale, "frontend=2", "frontend")
        addresses = {one.addresses["edge"] for one in project.containers("frontend")}
        assert len(addresses) == 2
        eventually(
            lambda: {line["upstream.address"].partition(":")[0] for line in access_log(project)},
            lambda seen: addresses <= seen,
        )
        project.compose(*scale, "frontend=1", "frontend")
        lines = len(access_log(project))
        eventually(lambda: len(access_log(project)), lambda number: number > lines + 50)
    finally:
        stop.set()
        visitor.join()
    assert failures == []
    assert project.containers("ingress")[0].started_at == ingress.started_at


def test_without_a_frontend_the_answer_says_that_nothing_arrived_and_it_heals(
    project: ComposeProject,
) -> None:
    """At first its address answers nothing, which is no late answer; then nobody has its name."""
    before = len(access_log(project))
    project.compose("stop", "frontend")
    with httpx.Client(base_url=project.shop_url, timeout=15) as client:
        try:
            answers = [ask_without_a_frontend(client)]
            eventually(
                lambda: client.get("/") and access_log(project)[-1]["upstream.address"],
                lambda address: not re.search(r"[\d.]+:8080$", address),
            )
            answers.append(ask_without_a_frontend(client))
        finally:
            project.compose("start", "frontend")
        for read, sent, keyless, page in answers:
            assert "cannot be reached" in assert_problem_of_nginx(project, read, 502)["detail"]
            assert "same Idempotency-Key" in assert_problem_of_nginx(project, sent, 502)["detail"]
            for one in (read, keyless):
                assert "Idempotency-Key" not in one.json()["detail"]
            assert "Satu bagian toko sedang tidak terjangkau" in page.text
            assert {one.elapsed.total_seconds() < 5 for one in (read, sent, page)} == {True}
        eventually(lambda: client.get("/").status_code, lambda status: status == 200)
    failed = [line for line in access_log(project)[before:] if line["level"] == "ERROR"]
    assert {line["upstream.connect"].rpartition(" ")[2] for line in failed} == {"-"}


def ask_without_a_frontend(client: httpx.Client) -> tuple[httpx.Response, ...]:
    """For a page, an order with a key and without one, and a page as a browser asks."""
    return (
        client.get("/"),
        client.post("/api/orders", json={}, headers={"Idempotency-Key": "a key"}),
        client.post("/api/orders", json={}),
        client.get("/", headers={"Accept": "text/html"}),
    )


def test_no_request_has_made_an_error_line_of_nginx(project: ComposeProject) -> None:
    """The last that asks nginx alone: after refusals by limits, malformed requests, slow
    clients and a frontend that was gone. Each is one line of the access log."""
    statuses = {line["http.response.status_code"] for line in access_log(project)}
    assert statuses >= {400, 404, 405, 413, 431, 502}
    assert [line for line in error_lines(project) if "client:" in line] == []
