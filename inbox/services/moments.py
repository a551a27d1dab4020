"""Times as people read them, made once in the service so that no template filter works in a loop."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from inbox.fhir import rows


@dataclass(frozen=True)
class Moment:
    """A point in time: `iso` for machines, `short` for a row or bubble, `full` with day and zone for hovering."""

    iso: str
    short: str
    full: str
    day: str

    def __str__(self) -> str:
        return self.short


def moment(instant: str, *, time_only: bool = False) -> Moment:
    """A FHIR instant or dateTime as people of this place read it; times of day alone inside a day's group."""
    when = _local(instant)
    today = timezone.localdate()
    clock = date_format(when, "H:i")
    full = f"{_date(when, pgettext('date', 'l j F Y'))}, {clock} {when.tzname() or ''}".strip()
    short = clock if time_only or when.date() == today else _short_day(when.date(), today)
    return Moment(when.isoformat(timespec="minutes"), short, full, when.date().isoformat())


def now() -> str:
    """This moment as a FHIR instant."""
    return rows.instant(rows.now())


def _local(instant: str) -> datetime:
    return timezone.localtime(datetime.fromtimestamp(rows.micros(instant) / 1_000_000, UTC))


def _short_day(day: date, today: date) -> str:
    if day == today - timedelta(days=1):
        return _("Yesterday")
    return date_format(day, pgettext("date", "j M") if day.year == today.year else pgettext("date", "j M Y"))


def _date(day: date, format: str) -> str:
    """A date that begins a line; names of days and months are written small in many languages."""
    return str(capfirst(date_format(day, format)))


def day_line(day: str) -> str:
    """`Today, Tuesday 17 November` for a day line in the conversation."""
    that = date.fromisoformat(day)
    today = timezone.localdate()
    format = pgettext("date", "l j F") if that.year == today.year else pgettext("date", "l j F Y")
    if that == today:
        return _("Today, %(day)s") % {"day": date_format(that, format)}
    if that == today - timedelta(days=1):
        return _("Yesterday, %(day)s") % {"day": date_format(that, format)}
    return _date(that, format)


def born(birth_date: str) -> str:
    """`12 May 1987` from a FHIR date of any precision."""
    parts = birth_date.split("-")
    if len(parts) < 3:
        return birth_date
    return date_format(date(*(int(part) for part in parts)), pgettext("date", "j F Y"))


def age(birth_date: str) -> str:
    """`39 y`, or months for the youngest."""
    if len(birth_date) < 10:
        return ""
    then, today = date.fromisoformat(birth_date), timezone.localdate()
    months = (today.year - then.year) * 12 + today.month - then.month - (today.day < then.day)
    if months < 24:
        return ngettext("%(n)s month", "%(n)s months", months) % {"n": months}
    return _("%(n)s y") % {"n": months // 12}
