"""Load goes to machines of one's own only."""

from contextlib import nullcontext

import pytest

from loadtest.allowed_hosts import require_allowed_host
from loadtest.plan import PlanRefused

OURS = """http://127.0.0.1:8080 http://localhost:8080/ http://[::1]:8080 http://10.1.2.3
http://172.31.0.9 http://192.168.0.7:80 http://[fd00::7] http://ingress:8080 https://my-shop_2
https://shop.example.com"""
OTHERS = """http://example.com http://8.8.8.8:8080 http://203.0.113.5 http://127.0.0.1.example.com
http://127.0.0.1@example.com http://134744072 http://0x08080808 http://0.0.0.0 http://::1
http://169.254.169.254 http://[2001:4860:4860::8888] http://127.0.0.1:99999 ftp://127.0.0.1
127.0.0.1:8080 http://127.0.0.1/shop https://shop.example.com.evil.org http://"""


@pytest.mark.parametrize("url", [*OURS.split(), *OTHERS.split(), ""])
def test_load_goes_to_machines_of_ones_own_and_to_hosts_allowed_by_name(url: str) -> None:
    with nullcontext() if url in OURS.split() else pytest.raises(PlanRefused):
        require_allowed_host(url, ["", "shop.example.com"])


def test_a_refusal_says_how_to_allow_a_host() -> None:
    with pytest.raises(PlanRefused, match=r"--allow-host shop\.example\.org"):
        require_allowed_host("https://shop.example.org", ["shop.example.com"])
