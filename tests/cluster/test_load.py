"""The component load-test, taken in for a while: Locust's pods find each other and the edge, which
sets them no limit."""

from tests.cluster.shop import KubernetesShop
from tests.waiting import eventually
from tools.cluster.images import build_load
from tools.cluster.real import ROOT

_OVERLAY, _COMPONENT = "k8s/overlays/small/kustomization.yaml", "k8s/components/load-test"
_LINE = "  - ../../components/load-test\n"


def test_a_load_run_from_inside_meets_its_objectives(shop: KubernetesShop) -> None:
    shop.change(_OVERLAY, "(?=  # Last: it names)", _LINE)
    shop.change(f"{_COMPONENT}/run.yaml", "LOAD_STEPS: .*", 'LOAD_STEPS: "5"')
    shop.change(f"{_COMPONENT}/run.yaml", "LOAD_STEP_SECONDS: .*", 'LOAD_STEP_SECONDS: "60"')
    # Both cores of the node are spoken for otherwise.
    shop.change(f"{_COMPONENT}/jobs.yaml", "cpu: 500m", "cpu: 100m")
    build_load(ROOT)
    shop.cluster.load_images(shop.overlay)
    shop.apply()
    ended = eventually(lambda: conditions_of(shop, "load"), seconds=400, pause_seconds=1)
    said = shop.kubectl("logs", "job/load")
    assert "Complete" in ended, said
    assert "Report, figures and plot are in /results" in said
    ours = "--selector=app.kubernetes.io/name in (load,load-worker)"
    shop.cluster.kubectl("delete", "-k", str(shop.overlay), ours)
    shop.change(_OVERLAY, _LINE, "")
    shop.apply()
    shop.wait_until_settled()


def conditions_of(shop: KubernetesShop, job: str) -> set[str]:
    """How it has ended, if it has."""
    (found,) = shop.objects("jobs", f"--field-selector=metadata.name={job}")
    said = {one["type"] for one in found.get("status", {}).get("conditions", ())}
    return said & {"Complete", "Failed"}
