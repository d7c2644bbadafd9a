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


def test_logs_of_servers_are_also_files_that_their_readers_group_may_read(
    project: ComposeProject,
) -> None:
    script = """
import json, os, stat
found = {}
for path in ("/log", *sorted(f"/log/{name}" for name in os.listdir("/log"))):
    state = os.stat(path)
    found[path] = [state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)]
print(json.dumps(found))
"""
    writers = {"nginx": 101, "mysql": 999, "queue-redis": 999, "cache-redis": 999}
    for name, user_id in writers.items():
        volume = f"{project.volume(f'log-{name}')}:/log:ro"
        found = project.probe(script, options=["--volume", volume])
        assert found.pop("/log") == [user_id, 4000, 0o750]
        assert found, f"{name} logs nothing"
        for path, (owner, group, mode) in found.items():
            assert (owner, group) == (user_id, 4000), path
            assert mode & 0o040, path
