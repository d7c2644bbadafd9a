"""What is inside the service's image, and what is not; how its containers are confined."""

import json

from tests.compose.project import ComposeProject


def test_it_says_what_it_is_and_is_not_large(project: ComposeProject) -> None:
    image = json.loads(project.run("docker", "image", "inspect", project.image))[0]
    assert image["Config"]["User"] == "10001:10001"
    labels, prefix = image["Config"]["Labels"], "org.opencontainers.image."
    assert {f"{prefix}{name}" for name in ("title", "description", "licenses")} <= set(labels)
    assert labels[f"{prefix}version"] == "tests"
    assert labels["arloji.image"] == "service"
    assert image["Config"]["Healthcheck"]["Test"] == ["CMD", "python", "-m", "servicekit.probes"]
    # 272 MB with the stand-in's Debian Python beneath, which is larger than the real one.
    assert image["Size"] < 350e6


def test_it_holds_five_commands_and_nothing_to_install_or_compile(project: ComposeProject) -> None:
    script = """
import importlib.util, json, pathlib, sys
def compiled(source):
    return pathlib.Path(importlib.util.cache_from_source(str(source))).exists()
sources = [*pathlib.Path("/app").rglob("*.py"), *pathlib.Path("/opt/arloji/lib").rglob("*.py")]
print(json.dumps({
    "pip": importlib.util.find_spec("pip") is not None,
    "sources": len(sources),
    "uncompiled": [one.name for one in sources if not compiled(one)],
    "folders": sorted(one.name for one in pathlib.Path("/app").iterdir()),
    "commands": [one.parent.name for one in sorted(pathlib.Path("/app").glob("*/*/__main__.py"))],
    "prefix": sys.prefix,
}))
"""
    found = project.probe(script)
    assert found["prefix"] == "/opt/arloji"
    assert not found["pip"]
    assert found["sources"] > 1000
    # A few packages ship sources that no Python 3 can compile.
    assert len(found["uncompiled"]) < 20, found["uncompiled"]
    assert found["folders"] == [
        "alert_page",
        "bootstrap",
        "contracts",
        "database",
        "housekeeping",
        "servicekit",
        "services",
        "watch_faces",
    ]
    commands = ["api_gw", "consumer", "frontend", "publisher", "service_http"]
    assert found["commands"] == commands


def test_every_process_is_confined(project: ComposeProject) -> None:
    """As Docker started it: no capability, no new privileges, a root that cannot be written."""
    ids = [container.id for container in project.containers()]
    for described in json.loads(project.run("docker", "inspect", *ids)):
        host, name = described["HostConfig"], described["Name"]
        assert host["CapDrop"] == ["ALL"], name
        assert not host["CapAdd"], name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert host["ReadonlyRootfs"], name
        assert not host["Privileged"], name
        assert host["Memory"] > 0, name
        assert host["PidsLimit"] > 0, name
        assert host["LogConfig"]["Config"]["max-size"], name
