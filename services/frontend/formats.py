"""Money, numbers and times as each language writes them."""

from datetime import date, datetime, timedelta, timezone

from services.frontend.language import Language
from services.frontend.texts import Texts

# Western Indonesian time has no summer time, so no table of time zones is needed.
WIB = timezone(timedelta(hours=7), "WIB")


def format_number(number: int, language: Language) -> str:
    grouped = f"{number:,}"
    return grouped if language is Language.ENGLISH else grouped.replace(",", ".")


def format_rupiah(amount_idr: int, language: Language) -> str:
    """`Rp 6.400.000` in Indonesian, `Rp 6,400,000` in English."""
    return f"Rp {format_number(amount_idr, language)}"


def format_date(day: date, text: Texts) -> str:
    month = text("time.months").split()[day.month - 1]
    return f"{day.day} {month} {day.year}"


def format_moment(moment: datetime, text: Texts) -> str:
    """In western Indonesian time, and labelled so."""
    local = moment.astimezone(WIB)
    return text(
        "time.moment",
        date=format_date(local.date(), text),
        hour=f"{local.hour:02}",
        minute=f"{local.minute:02}",
    )
