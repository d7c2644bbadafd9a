"""CPU and memory of the shop; tests/integration/loadtest measures that of real processes."""

from pathlib import Path

import pytest

from loadtest.plan import PlanRefused
from loadtest.usage import Sample, StepUsage, reader_for


def test_cores_are_the_growth_of_cpu_time_and_memory_is_its_peak() -> None:
    step = StepUsage()
    step.add(10.0, {"frontend": Sample(5.0, 100), "publisher": Sample(50.0, 1)})
    # The second was started again meanwhile.
    step.add(12.0, {"frontend": Sample(6.0, 300), "publisher": Sample(0.5, 1)})
    step.add(20.0, {"frontend": Sample(7.0, 200), "publisher": Sample(2.5, 1)})
    assert step.to_dict() == {
        "frontend": {"cores": 0.2, "peak_bytes": 300},
        "publisher": {"cores": 0.2, "peak_bytes": 1},
    }


def test_what_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.usage.DOCKER_SOCKET", str(tmp_path / "docker.sock"))
    for what, sentence in ((str(tmp_path), "has no run/"), ("compose:arloji", "no Docker")):
        with pytest.raises(PlanRefused, match=sentence):
            reader_for(what)
