"""A new image, a changed file or a new release replaces pods one by one, and loses nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.kubernetes.shop import NAMESPACE, Shop
from tests.waiting import eventually

_SERVICES = ("frontend", "api-gw", "service-http", "publisher", "consumer")


# What no apply can change in a StatefulSet.
_STORE = "victoria-logs"
_SIZE, _LARGER_SIZE = "34Gi", "40Gi"


@dataclass
class Upgrade:
    """From the release that the repository names to one called `second`, of which one store asks
    for a larger claim; the claim is refused it until its class lets it grow."""

    replicas: Mapping[str, int]
    lowest: Mapping[str, int]
    claims_before: Mapping[str, Mapping[str, str]]
    stores_before: Mapping[str, str]
    refusal: str
    refused_growth: str


@pytest.fixture(scope="module")
def upgrade(shop: Shop) -> Iterator[Upgrade]:
    shop.use("small")
    replicas = {
        deployment["metadata"]["name"]: deployment["spec"]["replicas"]
        for deployment in shop.objects("deployments")
    }
    claims, stores = _claims(shop), _store_pods(shop)
    shop.release("second")
    store = f"k8s/base/observability/{_STORE}.yaml"
    shop.change(store, f"storage: {_SIZE}", f"storage: {_LARGER_SIZE}")
    with shop.watch() as watch:
        refused = shop.control_plane.try_kubectl("apply", "-k", shop.folder_of("small"))
        shop.delete_set_alone(_STORE)
        refused_growth = shop.grow_claim(_STORE, _LARGER_SIZE)
        shop.nodes.let_claims_grow(True)
        # Admission hears of it a moment later.
        eventually(lambda: shop.grow_claim(_STORE, _LARGER_SIZE), lambda said: not said)
        shop.apply("small")
        shop.wait_until_settled()
        lowest = {name: watch.lowest(name) for name in _SERVICES}
    yield Upgrade(replicas, lowest, claims, stores, refused.stderr, refused_growth)
    shop.nodes.let_claims_grow(False)
    # Nor can it be made smaller again.
    shop.delete_set_alone(_STORE)


def test_a_rollout_never_falls_below_its_replicas(shop: Shop, upgrade: Upgrade) -> None:
    assert min(upgrade.lowest.values()) >= 2
    assert upgrade.lowest == {name: upgrade.replicas[name] for name in _SERVICES}
    for name in _SERVICES:
        assert _images(shop, name) == {"arloji/service:second"}


def test_an_upgrade_runs_its_own_migration_and_keeps_the_claims(
    shop: Shop, upgrade: Upgrade
) -> None:
    """What cannot be changed is refused and left alone; a Job has the name of its release."""
    assert f'"{_STORE}" is invalid' in upgrade.refusal, upgrade.refusal
    assert upgrade.refusal.count("Forbidden") == 1
    assert {claim["phase"] for claim in upgrade.claims_before.values()} == {"Bound"}
    assert {"mysql-0", "queue-redis-0", "victoria-metrics-0"} <= set(upgrade.stores_before)
    jobs = {job["metadata"]["name"] for job in shop.objects("jobs")}
    assert {"migrate-local", "migrate-second"} <= jobs
    assert _claims(shop) == upgrade.claims_before
    # Neither another image of the services nor a new set is a reason to restart a store.
    assert _store_pods(shop) == upgrade.stores_before


def test_a_claim_grows_where_its_class_lets_it(shop: Shop, upgrade: Upgrade) -> None:
    assert "must support resize" in upgrade.refused_growth
    (claim,) = shop.objects("persistentvolumeclaims", f"--selector=app.kubernetes.io/name={_STORE}")
    assert claim["spec"]["resources"]["requests"]["storage"] == _LARGER_SIZE


@pytest.mark.usefixtures("upgrade")
def test_a_changed_file_replaces_the_pods_that_read_it_and_no_others(shop: Shop) -> None:
    before = {pod["metadata"]["uid"]: _name(pod) for pod in shop.pods()}
    shop.change("observability/alerts/orders.yaml", "groups:", "# Changed.\ngroups:")
    shop.apply("small")
    shop.wait_until_settled()
    # A settled workload may have a pod of the old template for a moment longer.
    eventually(lambda: len(shop.pods()), lambda count: count == len(before))
    replaced = set(before.values()) - {
        _name(pod) for pod in shop.pods() if pod["metadata"]["uid"] in before
    }
    assert replaced == {"vmalert"}


@pytest.mark.usefixtures("upgrade")
def test_removing_everything_keeps_the_claims_and_the_next_apply_finds_them(shop: Shop) -> None:
    claims = _claims(shop)
    shop.remove()
    assert _claims(shop) == claims
    # ConfigMaps and Jobs of earlier files and releases stay: kubectl knows no name of theirs.
    kinds = "deployments,statefulsets,daemonsets,services,networkpolicies,poddisruptionbudgets"
    assert shop.objects(kinds) == []
    shop.use("small")
    assert _claims(shop) == claims


def test_a_namespace_with_data_is_not_deleted_by_mistake(shop: Shop) -> None:
    shop.use("small")
    done = shop.control_plane.try_kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    assert done.returncode != 0
    assert "denied" in done.stderr, done.stderr
    whole = shop.control_plane.try_kubectl("delete", "-k", shop.folder_of("small"), "--wait=false")
    shop.overlay = None
    claims = _claims(shop)
    shop.control_plane.kubectl("wait", "--for=delete", "namespace/arloji-nodes", "--timeout=60s")
    shop.use("small")
    assert _claims(shop) == claims, f"{whole.stdout[-500:]}{whole.stderr[-500:]}"


def _claims(shop: Shop) -> dict[str, dict[str, str]]:
    return {
        claim["metadata"]["name"]: {
            "uid": claim["metadata"]["uid"],
            "volume": claim["spec"].get("volumeName"),
            "phase": claim["status"]["phase"],
        }
        for claim in shop.objects("persistentvolumeclaims")
    }


def _name(pod: dict[str, dict[str, dict[str, str]]]) -> str:
    return pod["metadata"]["labels"]["app.kubernetes.io/name"]


def _store_pods(shop: Shop) -> dict[str, str]:
    """Which pod it is, of each that has a name of its own."""
    return {
        pod["metadata"]["name"]: pod["metadata"]["uid"]
        for pod in shop.pods()
        if pod["metadata"]["ownerReferences"][0]["kind"] == "StatefulSet"
    }


def _images(shop: Shop, name: str) -> set[str]:
    pods = shop.pods(f"--selector=app.kubernetes.io/name={name}")
    return {container["image"] for pod in pods for container in pod["spec"]["containers"]}
