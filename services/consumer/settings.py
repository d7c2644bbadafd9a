"""What the consumer and its dead-letter command read from their environment."""

from typing import Annotated, ClassVar

from pydantic import Field

from servicekit.settings import (
    DatabaseUrl,
    EnvironmentSettings,
    Port,
    RedisUrl,
    ServiceSettings,
    embedded_database,
    embedded_port,
    embedded_redis,
)


class StoreSettings(EnvironmentSettings):
    queue_redis_url: RedisUrl = embedded_redis("queue-redis")
    database_url: DatabaseUrl = embedded_database()


class Settings(ServiceSettings, StoreSettings):
    service_name: ClassVar[str] = "consumer"

    port: Port = embedded_port("consumer")
    cache_redis_url: RedisUrl = embedded_redis("cache-redis")
    # How long a consumer may be silent before others take over what it was given. Far longer
    # than a transaction may take: an overlap is harmless, but for nothing.
    claim_idle_seconds: Annotated[float, Field(gt=0)] = 30
    # After this many an order goes to the dead letters.
    max_deliveries: Annotated[int, Field(ge=1)] = 5
    # Orders per transaction. Their lines are the parameters of one query: SQLite takes 32 766.
    batch_size: Annotated[int, Field(ge=1, le=500)] = 100
