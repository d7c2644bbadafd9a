from pathlib import Path

import pytest

from local import redis_program
from local.redis_program import RedisProgram, find_redis


def server(folder: Path, name: str, answer: str, code: int = 0) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def _only_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No wheel is fetched either: this machine is one that there is none for."""
    monkeypatch.setattr(redis_program.platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(
        redis_program.shutil,
        "which",
        lambda name: str(tmp_path / name) if (tmp_path / name).exists() else None,
    )


@pytest.mark.parametrize(
    ("answer", "code", "version"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", 0, (7, 0)),
        ("Redis server v=6.2.14 sha=40305114:0 malloc=libc bits=64", 0, (6, 2)),
        ("Server v=8.1.3 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", 0, (8, 1)),
        ("Valkey server v=10.0.1 sha=00000000:0", 0, (10, 0)),
        ("Redis server v=6.1.9 sha=0", 0, None),
        ("Redis server v=7.0.15", 1, None),
        ("what?", 0, None),
    ],
)
def test_a_server_is_used_if_it_runs_and_is_new_enough(
    tmp_path: Path, answer: str, code: int, version: tuple[int, int] | None
) -> None:
    path = server(tmp_path, "redis-server", answer, code)
    assert find_redis() == (version and RedisProgram(path, version))


def test_an_old_redis_is_passed_over_for_a_valkey(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server(tmp_path, "redis-server", "Redis server v=5.0.14 sha=0")
    valkey = server(tmp_path, "valkey-server", "Valkey server v=8.0.1 sha=0")
    assert find_redis() == RedisProgram(valkey, (8, 0))
    assert "older than 6.2" in capfd.readouterr().out


@pytest.mark.parametrize("role", ["queue", "cache"])
def test_a_server_has_the_settings_of_its_configuration_file_and_its_own_place(role: str) -> None:
    command = RedisProgram(Path("/redis"), (7, 0)).command(role, 8190, Path("/data"))
    options = dict(zip(command[1::2], command[2::2], strict=True))
    own = {"--port": "8190", "--bind": "127.0.0.1", "--dir": "/data"}
    assert options.items() >= own.items()
    lines = (redis_program.ROOT / "stores" / f"{role}-redis.conf").read_text().splitlines()
    pairs = [line.split(" ", 1) for line in lines if line and not line.startswith("#")]
    configured = {f"--{name}": value.strip('"') for name, value in pairs}
    only_in_containers = {f"--{name}" for name in ("protected-mode", "logfile", "aclfile")}
    assert configured.keys() - options.keys() == only_in_containers
    assert {n: v for n, v in options.items() if n not in own} == {
        n: v for n, v in configured.items() if n not in own | dict.fromkeys(only_in_containers)
    }
