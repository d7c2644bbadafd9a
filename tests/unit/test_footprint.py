"""How the footprint of the stack is counted and shown."""

import pytest

from operations import footprint
from operations.footprint import Use, in_mib, table


@pytest.mark.parametrize(
    ("text", "mib"),
    [("0B", 0.0), ("512KiB", 0.5), ("83.84MiB", 83.84), ("1.5GiB", 1536.0)],
)
def test_sizes_are_read_as_docker_writes_them(text: str, mib: float) -> None:
    assert in_mib(text) == pytest.approx(mib)


def test_the_peak_of_each_container_counts_and_the_largest_sets_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = iter(
        [
            [("a", "api-gw", 80.0, 128.0), ("b", "api-gw", 60.0, 128.0), ("m", "mysql", 300, 640)],
            # One has gone, another has come.
            [("a", "api-gw", 70.0, 128.0), ("c", "api-gw", 90.0, 128.0), ("m", "mysql", 310, 640)],
        ]
    )
    clock = iter([0.0, 5.0, 11.0])
    monkeypatch.setattr(footprint, "_measure", lambda: next(looks))
    monkeypatch.setattr(footprint.time, "monotonic", lambda: next(clock))
    mysql, gateways = footprint.watch(10)
    assert mysql == Use("mysql", 1, 310, 310, 640)
    assert gateways == Use("api-gw", 3, 90, 230, 128)
    assert gateways.proposed_limit_mib == 136
    assert gateways.share == pytest.approx(90 / 128)


def test_what_is_left_out_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = [("a", "api-gw", 80.0, 128.0), ("r", "receiver", 30.0, 256.0)]
    monkeypatch.setattr(footprint, "_measure", lambda: measured)
    (only,) = footprint.watch(0, frozenset({"receiver"}))
    assert only.service == "api-gw"


def test_above_four_fifths_of_a_limit_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(footprint, "_measure", lambda: [("a", "api-gw", 103.0, 128.0)])
    assert footprint.main([]) == 1
    said = capsys.readouterr()
    assert "above 80% of its limit: api-gw" in said.err
    assert "| api-gw | 1 | 103 | 103 | 128 | 80% | 160 |" in said.out
    monkeypatch.setattr(footprint, "_measure", lambda: [("a", "api-gw", 102.0, 128.0)])
    assert footprint.main([]) == 0


def test_the_table_ends_with_the_sums() -> None:
    shown = table([Use("mysql", 1, 310, 310, 640), Use("api-gw", 2, 90, 170, 128)])
    assert shown.splitlines()[-1] == "| **in all** | 3 | | **480** | 896 | | |"
