"""An apply with changed configuration files changes their readers and nothing else, rolls exactly
these, and the programs that run then show it."""

from collections.abc import Callable

import httpx

from tests.cluster.shop import KubernetesShop
from tests.telemetry_stores import MetricsStore
from tests.waiting import eventually

# File, what it says, what it says now, who reads it in which ConfigMap.
CHANGES = (
    (
        "ingress/conf/problem-texts.conf",
        r"No such page or route\.",
        "Not any more.",
        "ingress",
        "ingress-conf",
    ),
    ("stores/cache-redis.conf", r"maxmemory \d+mb", "maxmemory 41mb", "cache-redis", "cache-redis"),
    (
        "observability/alerts/watching.yaml",
        "Alerts were evaluated",
        "Rules were evaluated",
        *("vmalert", "alerts"),
    ),
)


def test_a_changed_file_rolls_its_readers_alone(shop: KubernetesShop) -> None:
    contents, before = shop.contents(), {one.uid for one in shop.running()}
    for name, pattern, new, *_ in CHANGES:
        shop.change(name, pattern, new)
    shop.apply()
    shop.wait_until_settled()
    readers = {reader for *_, reader, _ in CHANGES}
    assert {one.app for one in shop.running() if one.uid not in before} == readers
    after = shop.contents()
    changed = {name for name, content in contents.items() if after.get(name) != content}
    assert {name.partition("/")[2] for _, name in changed} == readers
    made = {
        (kind, name.partition("/")[2].rpartition("-")[0]) for kind, name in after.keys() - contents
    }
    assert made == {("ConfigMap", config) for *_, config in CHANGES}

    metrics = MetricsStore(shop.url("victoria-metrics", 8428))

    def most_memory_of_the_cache() -> float:
        found = metrics.query('redis_memory_max_bytes{instance="cache-redis"}')
        return float(found[0]["value"][1]) / 2**20 if found else 0

    shows: dict[str, Callable[[], bool]] = {
        "nginx": lambda: "Not any more." in httpx.get(f"{shop.shop_url}/healthz").text,
        "vmalert": lambda: (
            "Rules were" in httpx.get(f"{shop.url('vmalert', 8880)}/api/v1/rules").text
        ),
        "the cache": lambda: most_memory_of_the_cache() == 41,
    }
    eventually(lambda: [name for name, new in shows.items() if not new()] == [])
