"""What the publisher reads from its environment."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from servicekit.settings import (
    Port,
    RedisUrl,
    ServiceSettings,
    embedded_audit_folder,
    embedded_port,
    embedded_redis,
)


class Settings(ServiceSettings):
    # The queue's URL holds a password.
    model_config = ConfigDict(hide_input_in_errors=True)

    service_name: ClassVar[str] = "publisher"

    port: Port = embedded_port("publisher")
    queue_redis_url: RedisUrl = embedded_redis("queue-redis")
    # Shorter than the request's own limit, so that a silent queue is a 503 and not a 504.
    queue_timeout_seconds: Annotated[float, Field(gt=0)] = 2
    audit_directory: Path = embedded_audit_folder()
    # As long as this, another body under a used key is refused here; later, by the consumer.
    idempotency_seconds: Annotated[int, Field(ge=1)] = 3600
    # Beyond any of these, orders are refused instead of queued; docs/queue-memory.md has the sum.
    max_backlog_orders: Annotated[int, Field(ge=1)] = 100_000
    max_oldest_age_seconds: Annotated[float, Field(gt=0)] = 3600
    max_memory_share: Annotated[float, Field(gt=0, le=1)] = 0.8
