"""Makes a stream with its group."""

from redis.asyncio import Redis
from redis.exceptions import ResponseError


async def create_group(client: Redis, stream: str, group: str) -> bool:
    """False if the group exists. No other command makes a stream that is empty."""
    try:
        await client.xgroup_create(stream, group, id="0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise
        # The in-memory stand-in closes its connection after every error.
        await client.connection_pool.disconnect(inuse_connections=False)
        return False
    return True
