"""Who is on which network is the contract's table; tests/compose tries every pair."""

from tests.conformance.test_compose import CONTAINERS, FILES

# The contract, §5, with those that it names by a rule: the collector is on a network of each
# sender, an exporter on that of its target.
TABLE = {
    "public": {"ingress", "grafana"},
    "edge": {"ingress", "frontend", "load", "load-worker", "nginx-exporter"},
    "app": {"frontend", "api-gw", "otel-collector"},
    "backend": {"api-gw", "service-http", "publisher"},
    "queue": {
        "publisher",
        "consumer",
        "service-http",
        "housekeeping",
        "restorer",
        "queue-redis",
        "otel-collector",
        "redis-exporter",
    },
    "cache": {"service-http", "consumer", "cache-redis", "redis-exporter"},
    "database": {
        "service-http",
        "consumer",
        "migrate",
        "housekeeping",
        "restorer",
        "mysql",
        "mysqld-exporter",
    },
    "telemetry": {
        "victoria-metrics",
        "victoria-logs",
        "victoria-traces",
        "grafana",
        "vmalert",
        "vmalert-logs",
        "alert-page",
        "alertmanager",
        "receiver",
        "node-exporter",
        "cadvisor",
        "otel-collector",
        "redis-exporter",
        "mysqld-exporter",
        "nginx-exporter",
    },
    # The tests' own way to their receiver.
    "tests": {"receiver"},
}
SENDERS = {"frontend", "api-gw", "service-http", "publisher", "consumer", "housekeeping"}
# Only in tests/compose.
OURS = {"receiver"}


def test_the_containers_are_on_the_networks_of_the_table() -> None:
    members: dict[str, set[str]] = {}
    for name, container in CONTAINERS.items():
        assert ("networks" in container) != (container.get("network_mode") == "none"), name
        for network in container.get("networks", ()):
            members.setdefault(network, set()).add(name)
    wanted = {network: names - OURS for network, names in TABLE.items() if names - OURS}
    assert members == wanted
    outside = {
        name
        for file in FILES
        for name, said in file["networks"].items()
        if not said.get("internal")
    }
    assert outside == {"public"}


def test_services_never_join_telemetry_and_the_collector_meets_each_sender() -> None:
    assert not SENDERS & TABLE["telemetry"]
    for sender in SENDERS:
        assert any({sender, "otel-collector"} <= members for members in TABLE.values()), sender
