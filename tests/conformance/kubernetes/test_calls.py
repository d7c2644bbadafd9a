"""The calls that network policies allow are those of the contract's networks, no more."""

from tests.conformance.kubernetes.calls import ANYONE, EDGE, SCRAPED, SHOP, TELEMETRY
from tests.conformance.kubernetes.differences import ONLY_HERE, OTHER_NAMES
from tests.conformance.test_networks import SENDERS, TABLE

# Whom compose knows by other means: an exporter beside its target, agents instead of files.
ONLY_IN_CLUSTERS = {ANYONE, *ONLY_HERE}
MEMBERS = set().union(*TABLE.values())
CALLS = {
    (OTHER_NAMES.get(client, client), server, port)
    for client, server, port in {*SHOP, *EDGE, *TELEMETRY, *SCRAPED}
}


def test_two_that_call_each_other_are_on_one_network_of_compose() -> None:
    for client, server, port in CALLS:
        if {client, server} & ONLY_IN_CLUSTERS or (client, server) == (
            "victoria-metrics",
            "ingress",
        ):
            continue
        assert {client, server} <= MEMBERS, (client, server, port)
        together = [name for name, members in TABLE.items() if {client, server} <= members]
        assert together, f"{client} calls {server}:{port} and shares no network with it"


def test_whoever_is_on_a_network_has_a_reason_in_the_calls() -> None:
    """Jobs of operators and of tests aside. The collector comes to its senders: to meet it is no
    reason."""
    aside = {"load", "load-worker", "receiver", "cadvisor", "nginx-exporter"}
    called = {frozenset(call[:2]) for call in CALLS}
    for network, members in TABLE.items():
        for member in members - aside:
            others = members - {member, "otel-collector"}
            if network not in {"public", "tests"}:
                assert any({member, other} in called for other in others), (member, network)


def test_no_call_of_telemetry_leads_into_the_shop() -> None:
    """Exporters aside, which ask the store that they are for."""
    exporters = {"redis-exporter", "mysqld-exporter"}
    for client, server, _ in TELEMETRY:
        assert server not in SENDERS
        assert client in {*SENDERS, *exporters} or server not in {"mysql", "queue-redis"}
