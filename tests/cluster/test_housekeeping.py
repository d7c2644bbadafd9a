"""A database that is lost comes back by the CronJobs and the task that operators are given; every
accepted order is there once, or its retry brings it back."""

from contextlib import closing

import httpx

from tests.cluster.shop import KubernetesShop
from tests.compose.customers import assert_each_is_one_order
from tests.e2e.conftest import Guest
from tests.waiting import eventually

# All that is on MySQL's disk.
_LOSE = "shopt -s dotglob && rm -rf /var/lib/mysql/*"


def run_now(shop: KubernetesShop, name: str) -> str:
    """What a Job of this CronJob has to say."""
    shop.kubectl("create", "job", f"{name}-now", f"--from=cronjob/{name}")
    return wait_for(shop, f"{name}-now")


def wait_for(shop: KubernetesShop, job: str) -> str:
    """Raises with its log if it does not end well."""
    (ended,) = eventually(
        lambda: [
            one["type"]
            for found in shop.objects("jobs", f"--field-selector=metadata.name={job}")
            for one in found.get("status", {}).get("conditions", ())
            if one["type"] in {"Complete", "Failed"}
        ],
        seconds=300,
        pause_seconds=0.5,
    )
    said = shop.kubectl("logs", f"job/{job}", "--all-containers")
    assert ended == "Complete", said
    return said


def lose_the_disk(shop: KubernetesShop) -> None:
    """As with a new volume, MySQL's next start finds nothing."""
    (mysql,) = shop.running("mysql")
    # It would write once more as it ends.
    shop.pause("mysql")
    shop.exec(mysql, "bash", "-c", _LOSE)
    shop.kubectl("delete", "pod", mysql.name, "--grace-period=1")


def test_a_lost_database_is_restored_and_no_order_with_it(shop: KubernetesShop) -> None:
    with closing(Guest(shop.shop_url)) as guest:
        lines = {guest.product()["product_id"]: 1}
        before = [guest.post_order(lines).json()["order_id"] for _ in range(3)]
        assert {guest.wait_for_end(one)["status"] for one in before} == {"confirmed"}
        assert "backed up" in run_now(shop, "backup")
        assert "restored" in run_now(shop, "drill")
        after = {f"after-{number}": "" for number in range(3)}
        for key in after:
            after[key] = guest.post_order(lines, key).json()["order_id"]
            assert guest.wait_for_end(after[key])["status"] == "confirmed"

        with shop.scaled("consumer", 0):
            waiting = [guest.post_order(lines).json()["order_id"] for _ in range(3)]
            lose_the_disk(shop)
            shop.kubectl("delete", "job", "--selector=app.kubernetes.io/name=migrate")
            shop.apply()
            (migrate,) = shop.objects("jobs", "--selector=app.kubernetes.io/name=migrate")
            wait_for(shop, migrate["metadata"]["name"])
            task = str(shop.root / "k8s/tasks/restore")
            shop.cluster.kubectl("replace", "--force", "-k", task)
            assert "keys of recent orders cleared" in wait_for(shop, "restore")
            shop.cluster.kubectl("delete", "-k", task)

        assert {guest.wait_for_end(one)["status"] for one in waiting} == {"confirmed"}
        for key, order_id in after.items():
            again = guest.post_order(lines, key)
            assert (again.status_code, again.json()["order_id"]) == (httpx.codes.ACCEPTED, order_id)
            assert guest.wait_for_end(order_id)["status"] == "confirmed"
    assert_each_is_one_order(shop, [*before, *after.values(), *waiting])
