"""Where cgroups are, with either version."""

from pathlib import Path

from tools.cluster.cgroups import ControlGroup, hierarchies


def test_version_1_has_a_hierarchy_for_each_controller(tmp_path: Path) -> None:
    names = ["cpu", "memory", "systemd", "unified"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    (tmp_path / "cpuacct").symlink_to("cpu")
    (tmp_path / "empty").mkdir()
    assert hierarchies(tmp_path) == [tmp_path / name for name in names]


def test_version_2_has_one(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").touch()
    assert hierarchies(tmp_path) == [tmp_path]


def test_a_cpuset_has_what_is_above_it(tmp_path: Path) -> None:
    cpuset = tmp_path / "cpuset"
    for folder in (cpuset, cpuset / "one", cpuset / "one" / "daemons"):
        folder.mkdir()
        for name in ("cpuset.cpus", "cpuset.mems"):
            (folder / name).write_text("0-1\n" if folder == cpuset else "\n")
    (cpuset / "cgroup.procs").touch()
    ControlGroup("one", tmp_path).create()
    assert (cpuset / "one/daemons/cpuset.cpus").read_text() == "0-1\n"


def test_what_was_never_made_is_removed_at_once(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").touch()
    ControlGroup("one", tmp_path).remove()
