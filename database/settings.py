"""Where the database is."""

from servicekit.settings import EnvironmentSettings


class DatabaseSettings(EnvironmentSettings):
    database_url: str = "sqlite:///var/arloji.db"
