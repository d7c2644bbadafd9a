"""Where the database is, and who may use it."""

from pydantic import ConfigDict, SecretStr

from servicekit.settings import DatabaseUrl, EnvironmentSettings, embedded_database


class DatabaseSettings(EnvironmentSettings):
    # The URL holds a password.
    model_config = ConfigDict(hide_input_in_errors=True)

    database_url: DatabaseUrl = embedded_database()
    # Users with their passwords and grants, in JSON, for `accounts` on MySQL.
    database_accounts: SecretStr = SecretStr("")
