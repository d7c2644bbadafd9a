"""How a service admits requests, from its environment."""

from typing import Annotated, Literal

from pydantic import Field

from servicekit.admission.lifo_queue import QueueSettings
from servicekit.admission.limit import INITIAL_LIMIT, LimitSettings
from servicekit.settings import ServiceSettings

Positive = Annotated[float, Field(gt=0)]


class AdmissionSettings(ServiceSettings):
    # `off` admits everything, and trusts every upstream: for measuring what it costs.
    admission: Literal["on", "off"] = "on"
    # Bounds of what may be under way to one upstream; the limit between them is found.
    max_in_flight: Annotated[int, Field(ge=1)] = 128
    min_in_flight: Annotated[int, Field(ge=1)] = 4
    # Nine of ten answers within this are fast enough in any case.
    latency_target_seconds: Positive = 0.1
    # Later than this is too late, however slow an upstream is by itself.
    latency_ceiling_seconds: Positive = 1.0
    # Of one class of requests: how many may wait, and for how long.
    queue_length: Annotated[int, Field(ge=1)] = 32
    queue_seconds: Positive = 0.1

    def limit_settings(self) -> LimitSettings:
        most = self.max_in_flight
        return LimitSettings(
            target_seconds=self.latency_target_seconds,
            ceiling_seconds=self.latency_ceiling_seconds,
            least=min(self.min_in_flight, most),
            most=most,
            initial=min(INITIAL_LIMIT, most),
        )

    def queue_settings(self) -> QueueSettings:
        return QueueSettings(self.queue_length, self.queue_seconds)
