"""When each command runs, in UTC."""

from typing import Annotated

from pydantic import Field

from servicekit.settings import EnvironmentSettings

# Names are spelled out: any other word would be taken for the command to run.
_FIELD = (
    r"([\d*/,?#LW-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)+"
)
_SHORTHANDS = "off|@hourly|@daily|@weekly|@monthly|@yearly"
Time = Annotated[str, Field(pattern=rf"(?i)^({_SHORTHANDS}|{_FIELD}( +{_FIELD}){{4,6}})$")]


class ScheduleSettings(EnvironmentSettings):
    """As cron writes it: minute, hour, day of the month, month, day of the week. With six, the last
    is the year; with seven, the first is the second. `off` is never."""

    backup_schedule: Time = "0 2 * * *"
    # Not at the minute of a backup, which has the same lock.
    archive_logs_schedule: Time = "40 * * * *"
    # Sundays, after that night's backup.
    drill_schedule: Time = "30 3 * * 0"
    purge_audit_schedule: Time = "0 4 * * *"
    purge_orders_schedule: Time = "30 4 * * *"
    reconcile_schedule: Time = "20 * * * *"
    # Whose turn it is, logrotate knows: each day, or once a file is large.
    rotate_logs_schedule: Time = "5 * * * *"
