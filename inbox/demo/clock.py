"""When people of the demo clinics write: staff in office hours, patients while awake."""

from datetime import UTC, datetime, timedelta
from random import Random

END = datetime(2026, 4, 14, 9, 12, tzinfo=UTC)
"""The moment at which the demo stops; loading moves it to the present."""

MONTHS = timedelta(days=182)
OFFICE = (8, 17)
AWAKE = (7, 22)


def begin(random: Random) -> datetime:
    """When a thread begins: any day of six months, a little more often lately."""
    back: float = random.random() ** 1.3
    return END - MONTHS * back


def settle(when: datetime, random: Random, *, staff: bool) -> datetime:
    """The next moment at which this kind of person would write."""
    first, last = OFFICE if staff else AWAKE
    if when.hour >= last or when.hour < first:
        day = when.date() + timedelta(days=when.hour >= last)
        when = datetime(day.year, day.month, day.day, first, tzinfo=UTC) + timedelta(seconds=random.randrange(5400))
    while staff and when.weekday() >= 5:
        when += timedelta(days=1)
    return when


def answer(previous: datetime, random: Random, *, staff: bool, same: bool, later: bool) -> datetime:
    """When the next message comes: minutes after one's own, an hour or so after another's, days for news."""
    if same:
        return previous + timedelta(seconds=random.randrange(40, 240))
    gap = timedelta(minutes=min(random.lognormvariate(4.0, 1.2), 2400))
    if later:
        gap = timedelta(days=random.randrange(1, 6), minutes=random.randrange(300))
    return settle(previous + gap, random, staff=staff)
