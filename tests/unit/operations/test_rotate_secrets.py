"""`make secrets`: those that check secrets know the new ones before anybody shows them."""

from operations import rotate_secrets
from tests.unit.operations.conftest import Steps, replaced


def test_secrets_are_known_to_those_that_check_them_before_anybody_shows_them(
    steps_of: Steps,
) -> None:
    services = ("consumer", "publisher", "service-http", "frontend")
    assert steps_of(rotate_secrets.main) == [
        "run bootstrap --rotate",
        *("restart queue-redis", "wait for queue-redis"),
        *("restart cache-redis", "wait for cache-redis"),
        "run accounts",
        *(step for name in services for step in replaced(name)),
        *("restart mysqld-exporter", "wait for mysqld-exporter"),
        "run bootstrap --finish-rotation",
    ]


def test_a_rotation_that_fails_is_not_finished(steps_of: Steps) -> None:
    assert steps_of(rotate_secrets.main, fails="run accounts")[-1] == "run accounts"
