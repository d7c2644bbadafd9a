"""What the frontend reads from its environment."""

from functools import cached_property
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, SecretStr, field_validator

from servicekit.admission.settings import AdmissionSettings
from servicekit.settings import (
    HttpUrl,
    Port,
    embedded_cookie_suffix,
    embedded_port,
    embedded_url,
)
from services.frontend.cookies.cookie import CookieOptions

MIN_SECRET_LENGTH = 32


class Settings(AdmissionSettings):
    # A secret must not appear in the message that refuses it.
    model_config = ConfigDict(hide_input_in_errors=True)

    service_name: ClassVar[str] = "frontend"

    port: Port = embedded_port("frontend")
    request_timeout_seconds: Annotated[float, Field(gt=0)] = 6
    api_gw_url: HttpUrl = embedded_url("api-gw")
    # One secret per line: the first signs, all of them verify. There is no default.
    session_secret: SecretStr
    # True behind TLS: cookies are then `Secure` with the `__Host-` prefix, forms must come from
    # https, and browsers are told to stay with it.
    cookie_secure: bool = False
    # Ends the name of every cookie: browsers send a host's cookies to all its ports, where two
    # shops would replace each other's.
    cookie_suffix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = (
        embedded_cookie_suffix()
    )
    # Where a person finds the trace of an error or of an order; `off` shows no link.
    trace_url_template: str = embedded_url("telemetry", "/traces/{trace_id}")
    order_trace_url_template: str = embedded_url("telemetry", "/orders/{order_id}")

    @field_validator("trace_url_template", "order_trace_url_template")
    @classmethod
    def _read_off(cls, value: str) -> str:
        """An empty variable means the default, as everywhere."""
        return "" if value == "off" else value

    @field_validator("session_secret")
    @classmethod
    def _refuse_weak_secrets(cls, value: SecretStr) -> SecretStr:
        secrets = value.get_secret_value().split()
        if not secrets or any(len(secret) < MIN_SECRET_LENGTH for secret in secrets):
            raise ValueError(
                "SESSION_SECRET needs one secret per line, each of at least "
                f"{MIN_SECRET_LENGTH} characters without spaces"
            )
        return value

    @property
    def cookie_options(self) -> CookieOptions:
        return CookieOptions(secure=self.cookie_secure, suffix=self.cookie_suffix)

    def reread_session_secrets(self) -> tuple[str, ...]:
        """As they are by now, which differs from the start where they are in a file. Raises
        `ValueError` if that cannot be read."""
        return type(self).model_validate({}).session_secrets

    @cached_property
    def session_secrets(self) -> tuple[str, ...]:
        return tuple(self.session_secret.get_secret_value().split())
