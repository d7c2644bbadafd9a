"""Who may reach whom: every container tries every address and listening port of every other one,
and the answer must be the contract's table, no more and no less."""

import json

import pytest

from tests.compose.project import LEFT_OUT, ComposeProject
from tests.conformance.test_compose import ROTATIONS
from tests.conformance.test_networks import SENDERS, TABLE

# Listening ports of each process, as its network namespace shows them; those on loopback (and
# Docker's name server) are nobody else's.
_LISTENING = """
import json, sys
found = {}
for pid in sys.argv[1:]:
    ports = set()
    for name in ("tcp", "tcp6"):
        for line in open(f"/proc/{pid}/net/{name}").readlines()[1:]:
            address, port = line.split()[1].split(":")
            if line.split()[3] == "0A" and not address.startswith(("0100007F", "0B00007F")):
                ports.add(int(port, 16))
    found[pid] = sorted(ports)
print(json.dumps(found))
"""

# Tries all at once; what a firewall drops takes the whole time.
REACHABLE = """
import asyncio, json, sys
async def reaches(address, port):
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(address, port)
        writer.close()
        return True
    except OSError:
        return False
async def main():
    doors = json.loads(sys.argv[1])
    answers = await asyncio.gather(*(reaches(*door) for door in doors))
    print(json.dumps([door for door, open_ in zip(doors, answers) if open_]))
asyncio.run(main())
"""


def test_all_but_the_edge_have_no_way_out(project: ComposeProject) -> None:
    names = [project.volume(network) for network in TABLE]
    networks = json.loads(project.run("docker", "network", "inspect", *names))
    outside = {
        network["Name"].removeprefix(f"{project.name}_")
        for network in networks
        if not network["Internal"]
    }
    assert outside == {"public", "tests"}


@pytest.fixture(scope="module")
def ports(project: ComposeProject) -> dict[str, list[int]]:
    """Container name → listening ports."""
    containers = project.containers()
    pids = [str(one.pid) for one in containers]
    found = project.probe(_LISTENING, *pids, options=["--pid", "host"])
    return {one.name: found[str(one.pid)] for one in containers}


def test_every_server_listens_where_the_contract_says(ports: dict[str, list[int]]) -> None:
    expected = {
        "ingress": [8080, 8081],
        "frontend": [8080],
        "api-gw": [8081],
        "service-http": [8082],
        "publisher": [8083],
        "consumer": [8084],
        "mysql": [3306],
        "queue-redis": [6379],
        "cache-redis": [6379],
        # By a socket in a volume alone.
        "docker-proxy": [],
        # Clocks, which nobody asks.
        **{name: [] for name in ("housekeeping", *ROTATIONS)},
    }
    for name, found in ports.items():
        service = name.rpartition("-")[0]
        assert found == expected.get(service, found), name
        assert found or service in expected, f"{name} listens nowhere"


# Runs the script above within the network of each process, some at a time: a container for each of
# them takes as long to start as to ask.
_FROM_EACH = """
import concurrent.futures, json, os, subprocess, sys
script, asked = json.load(sys.stdin)
def ask(pid, doors):
    def enter():
        with open(f"/proc/{pid}/ns/net") as network:
            os.setns(network.fileno(), os.CLONE_NEWNET)
    command = [sys.executable, "-c", script, json.dumps(doors)]
    return json.loads(subprocess.check_output(command, preexec_fn=enter))
with concurrent.futures.ThreadPoolExecutor(6) as threads:
    print(json.dumps(dict(zip(asked, threads.map(ask, asked, asked.values())))))
"""
_MAY_ENTER = ("--pid", "host", "--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE")


def test_every_pair_meets_only_on_a_network_that_both_are_on(
    project: ComposeProject, ports: dict[str, list[int]]
) -> None:
    containers = project.containers()
    assert {one.service for one in containers} >= SENDERS - LEFT_OUT
    doors = {
        (address, port): (one.name, network)
        for one in containers
        for network, address in one.addresses.items()
        for port in ports[one.name]
    }
    asked = {
        one.pid: [door for door, (owner, _) in doors.items() if owner != one.name]
        for one in containers
    }
    options = [*_MAY_ENTER, "--security-opt", "apparmor=unconfined"]
    reached = project.probe(_FROM_EACH, stdin=json.dumps([REACHABLE, asked]), options=options)
    wrong = []
    for container in containers:
        found = {tuple(door) for door in reached[str(container.pid)]}
        for door, (owner, network) in doors.items():
            allowed = container.service in TABLE[network] and owner != container.name
            if allowed != (door in found):
                verb = "cannot reach" if allowed else "reaches"
                wrong.append(f"{container.name} {verb} {owner}:{door[1]} on {network}")
    assert wrong == []
    assert len(doors) > len(containers)


_ASK_DOCKER = """
import http.client, json, socket, sys
class Docker(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/run/docker-proxy/docker.sock")
statuses = []
for request in sys.argv[1:]:
    docker = Docker("docker")
    docker.request(*request.split(" "))
    statuses.append(docker.getresponse().status)
print(json.dumps(statuses))
"""


def test_whoever_has_cadvisor_may_ask_docker_for_names_alone(project: ComposeProject) -> None:
    (cadvisor,) = project.containers("cadvisor")
    mounted = json.loads(project.run("docker", "inspect", cadvisor.id))[0]["Mounts"]
    assert {mount["Destination"] for mount in mounted} == {
        "/run/docker-proxy",
        "/rootfs/proc",
        "/sys",
        f"/rootfs{project.environment['ARLOJI_DOCKER_ROOT']}/image",
    }
    (ingress,) = project.containers("ingress")
    one = f"/containers/{ingress.id}"
    may = ["GET /version", f"GET {one}/json", "GET /v1.40/containers/json?limit=1"]
    may_not = [
        f"GET {one}/archive?path=/etc/passwd",
        f"GET {one}/archive%2f..%2fjson?path=/etc/passwd",
        f"GET {one}/../json",
        f"GET {one}/logs?stdout=1",
        f"GET {one}/export",
        f"POST {one}/stop",
        f"DELETE {one}",
        "POST /containers/json",
        "POST /containers/create",
        "GET /volumes",
        "GET /",
    ]
    place = f"{project.volume('docker-proxy')}:/run/docker-proxy:ro"
    asked = project.probe(
        _ASK_DOCKER, *may, *may_not, options=["--volume", place, "--network", "none"]
    )
    assert dict(zip(may + may_not, asked, strict=True)) == {
        **dict.fromkeys(may, 200),
        **dict.fromkeys(may_not, 403),
    }
