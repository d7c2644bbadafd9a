"""How the footprint of the stack is counted and shown."""

import pytest

from operations import footprint
from operations.footprint import Use, in_mib, table


def test_the_peak_of_each_container_counts_and_the_largest_sets_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = [("m", "mysql", 310.0, 640.0), ("r", "receiver", 30.0, 256.0)]
    looks = iter(
        [
            [("a", "api-gw", 80.0, 128.0), ("b", "api-gw", 60.0, 128.0), *others],
            # One has gone, another has come.
            [("a", "api-gw", 70.0, 128.0), ("c", "api-gw", 90.0, 128.0), *others],
        ]
    )
    clock = iter([0.0, 5.0, 11.0])
    monkeypatch.setattr(footprint, "_measure", lambda: next(looks))
    monkeypatch.setattr("operations.footprint.time.monotonic", lambda: next(clock))
    mysql, gateways = footprint.watch(10, frozenset({"receiver"}))
    assert mysql == Use("mysql", 1, 310, 310, 640)
    assert gateways == Use("api-gw", 3, 90, 230, 128)
    assert gateways.proposed_limit_mib == 136
    assert table([mysql, gateways]).endswith("| **in all** | 4 | | **540** | 1024 | | |")
    sizes = {"0B": 0.0, "512KiB": 0.5, "83.84MiB": 83.84, "1.5GiB": 1536.0}
    assert {text: in_mib(text) for text in sizes} == pytest.approx(sizes)


@pytest.mark.parametrize(("used", "code"), [(103.0, 1), (102.0, 0)])
def test_above_four_fifths_of_a_limit_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], used: float, code: int
) -> None:
    monkeypatch.setattr(footprint, "_measure", lambda: [("a", "api-gw", used, 128.0)])
    assert footprint.main([]) == code
    said = capsys.readouterr()
    assert ("above 80% of its limit: api-gw" in said.err) == bool(code)
    assert f"| api-gw | 1 | {used:.0f} | {used:.0f} | 128 | 80% | 160 |" in said.out
