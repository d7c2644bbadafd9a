"""Do the nodes of this cluster remove images and rotate logs, as `k8s/nodes/kubelet.yaml` says?

Asks each kubelet, through the API server, what it is told (its /configz): needs a right that
cluster administrators have. Ends with 1 if a node keeps more than that, 2 if it cannot be asked.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from operations.compose import ROOT

WANTED = ROOT / "k8s" / "nodes" / "kubelet.yaml"
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_BYTES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9, "": 1}


class NodesUnknown(Exception):
    """The message is what kubectl printed."""


def main() -> int:
    try:
        names = [one["metadata"]["name"] for one in _ask("get", "nodes", "--output=json")["items"]]
        found = {name: [*differences(_configuration(name))] for name in names}
    except NodesUnknown as error:
        print(f"not asked: {error}", file=sys.stderr)
        return 2
    for name, lines in found.items():
        print(*(f"{name}: {line}" for line in lines or ["as it should be"]), sep="\n")
    return int(any(found.values()))


def wanted() -> dict[str, str]:
    """Field → the most that it may be."""
    text = WANTED.read_text(encoding="utf-8")
    fields = dict(re.findall(r"^(\w+): (\S+)$", text, re.M))
    return {name: value for name, value in fields.items() if name not in {"apiVersion", "kind"}}


def differences(configuration: Mapping[str, Any]) -> Iterator[str]:
    """What a kubelet keeps more of, or for longer."""
    for name, most in wanted().items():
        value = str(configuration.get(name, "nothing"))
        # A duration of zero is none at all.
        if not 0 < _number(value) <= _number(most):
            yield f"{name} is {value}, and should be {most} at most"


def _number(value: str) -> float:
    """Of a number, a quantity of bytes or a duration as Go writes it; 0 of anything else."""
    if re.fullmatch(r"(\d+(h|m|s|ms))+", value):
        parts = re.findall(r"(\d+)(h|ms|m|s)", value)
        return sum(int(count) * _SECONDS[unit] for count, unit in parts)
    found = re.fullmatch(r"(\d+)([KMG]i|[kMG]|)", value)
    return int(found[1]) * _BYTES[found[2]] if found else 0


def _configuration(node: str) -> dict[str, Any]:
    said = _ask("get", "--raw", f"/api/v1/nodes/{node}/proxy/configz")
    return dict(said["kubeletconfig"])


def _ask(*arguments: str) -> Any:
    try:
        done = subprocess.run(
            ["kubectl", *arguments], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NodesUnknown(str(error)) from None
    if done.returncode:
        raise NodesUnknown(done.stderr.strip())
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
