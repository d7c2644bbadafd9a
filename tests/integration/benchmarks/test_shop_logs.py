"""The multiplied lines are the shop's own, each request with ids of its own."""

import json
from collections import defaultdict
from datetime import UTC, datetime

from benchmarks.shop_logs import Request, multiply
from tests.server_lines import nginx_access

DAY = datetime(2026, 11, 27, tzinfo=UTC)
OLD = "0af7651916cd43dd8448eb211c80319c"
LINE = {
    **{"time": "", "level": "INFO", "service.name": "publisher", "trace_id": OLD},
    "message": "order bf56e896-9204-5076-9ee5-faa49cc4898a is in the queue",
}


def test_a_day_has_lines_of_the_ingress_and_the_services_with_new_ids() -> None:
    recorded = [Request("POST", "/api/orders", 202, 120, 0.02, OLD, [LINE, LINE])]
    written = defaultdict(list)
    for writer, line in multiply(recorded, 50, DAY):
        written[writer].append(json.loads(line))
    nginx, publisher = written["nginx"], written["publisher"]
    assert (len(nginx), len(publisher)) == (50, 100)
    assert nginx[0].keys() == json.loads(nginx_access(DAY)).keys()
    assert {line["message"] for line in nginx} == {"POST /api/orders 202"}
    assert [line["time"] for line in nginx] == sorted(line["time"] for line in nginx)
    assert {line["time"][:10] for line in nginx} == {"2026-11-27"}
    traces = [line["trace_id"] for line in nginx]
    assert len({*traces, OLD}) == 51
    # The same trace and order in all lines of one request, as it was.
    assert [line["trace_id"] for line in publisher[::2]] == traces
    assert [line["message"] for line in publisher[::2]] == [
        line["message"] for line in publisher[1::2]
    ]
    assert len({line["message"] for line in publisher}) == 50
