"""What the gateway reads from its environment."""

from typing import Annotated, ClassVar

from pydantic import Field

from servicekit.settings import HttpUrl, Port, ServiceSettings, embedded_port, embedded_url


class Settings(ServiceSettings):
    service_name: ClassVar[str] = "api-gw"

    port: Port = embedded_port("api-gw")
    request_timeout_seconds: Annotated[float, Field(gt=0)] = 5
    service_http_url: HttpUrl = embedded_url("service-http")
    publisher_url: HttpUrl = embedded_url("publisher")
    # Orders per second of one guest, in bursts of five times that; 0 is no limit.
    guest_order_rate: Annotated[float, Field(ge=0)] = 0
    # Requests under way to one service. More than it can work on at once would only wait there.
    max_in_flight: Annotated[int, Field(ge=1)] = 256
