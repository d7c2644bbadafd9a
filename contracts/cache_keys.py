"""Keys in the cache Redis. service-http writes and reads the entries; the consumer unlinks those of
products whose stock it has changed."""

PREFIX = "c:"


def product_entry(product_id: int) -> str:
    """Without the prefix, which locks have too."""
    return f"product:{product_id}"


def product_key(product_id: int) -> str:
    return PREFIX + product_entry(product_id)
