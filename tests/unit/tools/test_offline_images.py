"""A stand-in bears the version that it is, and none with another minor version."""

import pytest

from tools.offline_images.__main__ import WrongVersion, honest_name

CASES = """
nginx:1.30.6        | nginx version: nginx/1.30.6                            | nginx:1.30.6
nginx:1.30.6        | nginx version: nginx/1.30.16                           | nginx:1.30.16
redis:8.0.6         | Redis server v=8.0.7 sha=00000000:0 malloc=jemalloc-5.3.1 | redis:8.0.7
mysql:9.7.4         | /usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64      | mysql:9.7.4
python:3.14.10-slim | Python 3.14.11                                         | python:3.14.11-slim
prom/x:v1.12.1      | node_exporter, version v1.12.1                         | prom/x:v1.12.1
nginx:1.30.6        | nginx/1.31.0                                           |
nginx:1.30.6        | nginx/11.30.6                                          |
nginx:1.30.6        | nginx/1.3.6                                            |
nginx:1.30.6        | no version                                             |
"""


@pytest.mark.parametrize("case", CASES.strip().splitlines())
def test_a_stand_in_bears_the_version_that_it_is(case: str) -> None:
    image, shown, name = map(str.strip, case.split("|"))
    if name:
        assert honest_name(image, shown) == name
    else:
        with pytest.raises(WrongVersion):
            honest_name(image, shown)
