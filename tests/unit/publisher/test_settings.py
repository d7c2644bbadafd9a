"""The publisher's bounds are those that docs/queue-memory.md adds up."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.publisher.settings import Settings

PAGE = (Path(__file__).parents[3] / "docs/queue-memory.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["max_backlog_orders", "max_oldest_age_seconds", "max_memory_share"]
)
def test_the_page_tells_the_defaults(name: str) -> None:
    default = Settings.model_fields[name].default
    assert f"| `{name.upper()}` | {default} |" in PAGE


def test_the_sum_on_the_page_is_that_of_the_defaults_and_fits() -> None:
    settings = Settings()
    assert f"{settings.max_backlog_orders} pending orders" in PAGE
    assert f"(100/s for {settings.idempotency_seconds} s)" in PAGE
    assert f"maxmemory, of which {settings.max_memory_share:.0%}" in PAGE
    needed = re.search(r"([\d.]+) MiB  maxmemory", PAGE)
    chosen = re.search(r"`maxmemory` is (\d+) MiB", PAGE)
    assert needed is not None
    assert chosen is not None
    assert float(needed[1]) <= int(chosen[1])


def test_a_wrong_setting_does_not_show_the_password_of_the_queue() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(queue_redis_url=5, max_memory_share=2)
    assert "input_value" not in str(caught.value)
