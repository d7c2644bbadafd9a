"""What the gateway reads from its environment."""

from typing import Annotated, ClassVar

from pydantic import Field

from servicekit.settings import HttpUrl, Port, ServiceSettings, port_of, url_of


class Settings(ServiceSettings):
    service_name: ClassVar[str] = "api-gw"

    port: Port = port_of("api-gw")
    request_timeout_seconds: Annotated[float, Field(gt=0)] = 5
    service_http_url: HttpUrl = url_of("service-http")
    publisher_url: HttpUrl = url_of("publisher")
    # Orders per second of one guest, in bursts of five times that; 0 is no limit.
    guest_order_rate: Annotated[float, Field(ge=0)] = 0
    # Requests under way to one service. More than it can work on at once would only wait there.
    max_in_flight: Annotated[int, Field(ge=1)] = 256
