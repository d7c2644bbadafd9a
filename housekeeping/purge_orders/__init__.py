"""Orders that reached their end long ago: out of the database, into an archive."""
