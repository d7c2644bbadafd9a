"""nginx reads the same folder in Kubernetes as in compose, where no list has to name its files."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "ingress"
EDGE = ROOT / "k8s/components/nginx-edge/edge/deployment.yaml"


def generated() -> dict[str, list[str]]:
    """ConfigMap → the files that it is made of."""
    described = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    return {one["name"]: one["files"] for one in described["configMapGenerator"]}


def projected() -> dict[str, list[str]]:
    """ConfigMap → where its keys are mounted; without a list, under their own names."""
    pod: dict[str, Any] = yaml.safe_load(EDGE.read_text())["spec"]["template"]["spec"]
    (volume,) = (one for one in pod["volumes"] if one["name"] == "configuration")
    found = {}
    for source in volume["projected"]["sources"]:
        name = source["configMap"]["name"]
        items = source["configMap"].get("items")
        found[name] = [one["path"] for one in items] if items else generated()[name]
        for one in items or ():
            assert one["key"] == Path(one["path"]).name
    return found


def test_the_edge_of_kubernetes_has_every_file_where_compose_has_it() -> None:
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert {file for named in generated().values() for file in named} == files - {
        "kustomization.yaml"
    }
    assert projected() == generated()
