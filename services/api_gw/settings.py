"""What the gateway reads from its environment."""

from typing import Annotated, ClassVar

from pydantic import Field

from servicekit.admission.settings import AdmissionSettings, Positive
from servicekit.circuit_breaker import BreakerSettings
from servicekit.settings import HttpUrl, Port, embedded_port, embedded_url

Rate = Annotated[float, Field(gt=0, le=1)]


class Settings(AdmissionSettings):
    service_name: ClassVar[str] = "api-gw"

    port: Port = embedded_port("api-gw")
    request_timeout_seconds: Positive = 5
    service_http_url: HttpUrl = embedded_url("service-http")
    publisher_url: HttpUrl = embedded_url("publisher")
    # Orders per second of one guest, in bursts of five times that; 0 is no limit.
    guest_order_rate: Annotated[float, Field(ge=0)] = 0
    # Second tries, as a share of the requests.
    retry_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    # An upstream is left alone once this share of its answers failed, or took so long.
    breaker_error_rate: Rate = 0.5
    breaker_slow_rate: Rate = 0.5
    breaker_slow_seconds: Positive = 2
    # How long, before it is tried again.
    breaker_pause_seconds: Positive = 1

    @property
    def breaker_settings(self) -> BreakerSettings:
        return BreakerSettings(
            error_rate=self.breaker_error_rate,
            slow_rate=self.breaker_slow_rate,
            slow_seconds=self.breaker_slow_seconds,
            pause_seconds=self.breaker_pause_seconds,
        )
