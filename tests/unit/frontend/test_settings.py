"""What the frontend refuses to start with, and what its settings make of a text."""

import pytest
from pydantic import ValidationError

from services.frontend.settings import Settings

LONG, SHORT = "s" * 32, "s" * 31


@pytest.mark.parametrize("secret", [SHORT, f"{LONG}\n{SHORT}", " \n ", f"{'s' * 16} {'s' * 16}"])
def test_a_weak_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Settings(session_secret=secret)  # type: ignore[arg-type]
    assert "32 characters" in str(refusal.value)
    assert "sss" not in str(refusal.value)


def test_the_first_of_several_secrets_signs_and_off_is_no_address() -> None:
    settings = Settings(
        session_secret=f"{LONG}1\n{LONG}2\n",  # type: ignore[arg-type]
        trace_url_template="off",
    )
    assert settings.session_secrets == (f"{LONG}1", f"{LONG}2")
    assert settings.trace_url_template == ""
    assert settings.order_trace_url_template.endswith("/orders/{order_id}")
