"""`docker compose up --wait` from empty volumes: ready, healthy, nothing restarted."""

import httpx

from tests.compose.project import INIT_JOBS, ComposeProject


def test_everything_is_up_and_nothing_has_crashed(project: ComposeProject) -> None:
    unwell = [one for one in project.containers() if not one.well or one.restarts]
    assert unwell == []


def test_every_init_job_has_done_its_work(project: ComposeProject) -> None:
    states = {one.service: one.state for one in project.all_containers()}
    assert {states[name] for name in INIT_JOBS} == {"exited"}
    ends = project.run(
        "docker",
        "inspect",
        "--format",
        "{{.State.ExitCode}}",
        *(one.id for one in project.all_containers() if one.service in INIT_JOBS),
    ).split()
    assert ends == ["0"] * len(INIT_JOBS)


def test_gateway_reads_and_consumer_have_two_replicas(project: ComposeProject) -> None:
    for service in ("api-gw", "service-http", "consumer"):
        assert len(project.containers(service)) == 2


def test_the_first_page_is_useful(project: ComposeProject) -> None:
    answer = httpx.get(project.shop_url)
    assert answer.status_code == 200
    assert "Rp" in answer.text


def test_only_the_ingress_is_published_and_only_on_this_machine(project: ComposeProject) -> None:
    bindings = {
        (one.service, line.rpartition("-> ")[2].rpartition(":")[0])
        for one in project.containers()
        for line in project.run("docker", "port", one.id).splitlines()
    }
    assert bindings == {("ingress", "127.0.0.1"), ("receiver", "127.0.0.1")}
