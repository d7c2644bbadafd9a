"""What a kubelet is told against what k8s/nodes/kubelet.yaml says; a real one is asked in
tests/cluster."""

import pytest

from operations.node_settings import differences, wanted

# As a kubelet writes it, with durations spelled out.
_GOOD = {
    "imageGCHighThresholdPercent": 80,
    "imageGCLowThresholdPercent": 70,
    "imageMaximumGCAge": "168h0m0s",
    "containerLogMaxSize": "20Mi",
    "containerLogMaxFiles": 3,
}


def test_a_kubelet_that_has_the_settings_is_as_it_should_be() -> None:
    assert _GOOD.keys() == wanted().keys()
    assert [*differences(_GOOD)] == []
    assert [
        *differences({**_GOOD, "containerLogMaxSize": "20M", "imageMaximumGCAge": "24h0m0s"})
    ] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("imageGCHighThresholdPercent", 85),
        # Never.
        ("imageMaximumGCAge", "0s"),
        ("imageMaximumGCAge", "168h0m1s"),
        ("containerLogMaxSize", "1Gi"),
        ("containerLogMaxFiles", 5),
        ("containerLogMaxFiles", None),
    ],
)
def test_whoever_keeps_more_is_named(field: str, value: object) -> None:
    (line,) = differences({**_GOOD, field: value})
    assert line == f"{field} is {value}, and should be {wanted()[field]} at most"
