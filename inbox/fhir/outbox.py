"""The outbox: changes that background work still has to look at, in order, until every handler has seen them.

A handler works in the database alone. What calls the outside world writes a row of its own (a `Delivery`) and does so
later, outside of any transaction. `Tail` is for those who want to hear of changes and need not answer for them.
"""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.models import Exists, F, Max, Min, OuterRef, Q, QuerySet

from inbox.models import Outbox

from . import outcome, rows, sql

log = logging.getLogger(__name__)

Handler = Callable[[Outbox], None]

handlers: list[Handler] = []
"""What is told of every change. A handler runs inside the transaction that marks the row done, so what it writes is
written once; when it raises, that is taken back and the row waits."""

BATCH = 50
KEPT = 7 * 24 * 3600 * 1_000_000
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 600.0


def pause(tries: int, *, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> float:
    """The seconds until work that failed so often is tried again: twice as long each time, a quarter by chance."""
    return min(first * 2.0 ** min(tries - 1, 30), longest) * random.uniform(0.75, 1.0)


def work(limit: int = BATCH) -> int:
    """Deliver the next rows and mark them done, in one transaction; returns how many are done.

    Order is kept within a thread: a row waits as long as an earlier one of its thread does, here or in another worker.
    """
    if not waiting():
        return 0
    with transaction.atomic():
        taken = take(limit)
        held = _held(taken)
        done = []
        for row in taken:
            thread = (row.practice_id, row.thread)
            if row.pk > held.get(thread, row.pk):
                continue
            if _deliver(row):
                done.append(row.pk)
            elif row.thread:
                held[thread] = row.pk
        Outbox.objects.filter(pk__in=done).update(done=True)
        return len(done)


def take(limit: int) -> list[Outbox]:
    """The next rows that are due, oldest first, locked until the transaction ends.

    Those behind a row of their thread that is not due yet are left out, or they would fill every batch. PostgreSQL
    passes over rows that another worker holds; on SQLite every transaction has the file to itself.
    """
    paused = Outbox.objects.filter(done=False, next_at__gt=rows.now())
    earlier = paused.filter(practice=OuterRef("practice"), thread=OuterRef("thread"), pk__lt=OuterRef("pk"))
    due = _due().exclude(~Q(thread="") & Exists(earlier)).order_by("pk")
    if connection.features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True)
    return list(due[:limit])


def _due() -> QuerySet[Outbox]:
    return Outbox.objects.filter(done=False, next_at__lte=rows.now())


def _held(taken: Sequence[Outbox]) -> dict[tuple[int, str], int]:
    """The threads of which somebody else still has a row to deliver, with the first such row."""
    threads = {row.thread for row in taken if row.thread}
    others = Outbox.objects.filter(done=False, thread__in=threads).exclude(pk__in=[row.pk for row in taken])
    first = others.values_list("practice_id", "thread").annotate(Min("pk"))
    return {(practice, thread): pk for practice, thread, pk in first}


def _deliver(row: Outbox) -> bool:
    try:
        with transaction.atomic():
            for handler in handlers:
                handler(row)
    except Exception as error:
        seconds = pause(row.tries + 1)
        again = rows.now() + round(seconds * 1_000_000)
        # Other errors may quote what was stored.
        about = error.text if isinstance(error, outcome.FHIRError) else type(error).__name__
        Outbox.objects.filter(pk=row.pk).update(tries=F("tries") + 1, next_at=again, error=about)
        log.exception(
            "outbox row %s (%s %s/%s) failed; again in %.0f s", row.pk, row.interaction, row.type, row.fhir_id, seconds
        )
        return False
    return True


def waiting() -> bool:
    """Whether any change is due; asked without a lock, so that an idle worker is in nobody's way."""
    return _due().exists()


def purge() -> int:
    """Delete what was done more than seven days ago; returns how many rows went."""
    return Outbox.objects.filter(done=True, at__lt=rows.now() - KEPT).delete()[0]


@dataclass(frozen=True)
class Event:
    """One committed change, as the outbox tells it; `version` is 0 for a delete."""

    pk: int
    practice: int
    interaction: str
    type: str
    id: str
    version: int


COLUMNS = "o.id, o.practice_id, o.interaction, o.type, o.fhir_id, o.version"


@dataclass
class Tail:
    """The changes that were committed since this was made: each once, however late its transaction came.

    SQLite commits in the order of ids. On PostgreSQL a row with a lower id may come later; there a change is new when
    the snapshot of the last look did not show it. One query for each look.
    """

    limit: int = 500
    seen: str = field(init=False)
    """The last id (SQLite) or snapshot (PostgreSQL) that was looked at."""
    more: bool = field(init=False, default=False)
    """Whether the last look left something for the next one."""
    until: str = field(init=False, default="")
    """While a look takes several pages: the snapshot that ends it, and the last id of the page before."""
    page: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if sql.vendor() == "postgresql":
            self.seen = str(sql.fetch("SELECT pg_current_snapshot()::text", [])[0][0])
        else:
            self.seen = str(Outbox.objects.aggregate(Max("pk"))["pk__max"] or 0)

    def read(self) -> list[Event]:
        """The next changes; at most `limit`, the rest with the next look."""
        found = self._snapshots() if sql.vendor() == "postgresql" else self._ids()
        self.more = len(found) == self.limit
        return found

    def _ids(self) -> list[Event]:
        found = sql.fetch(
            f"SELECT {COLUMNS} FROM inbox_outbox o WHERE o.id > %s ORDER BY o.id LIMIT %s",
            [int(self.seen), self.limit],
        )
        if found:
            self.seen = str(found[-1][0])
        return [Event(*one) for one in found]

    def _snapshots(self) -> list[Event]:
        floor = int(self.seen.partition(":")[0])
        end = "AND pg_visible_in_snapshot(o.xid::text::xid8, %s::pg_snapshot)" if self.until else ""
        found = sql.fetch(
            f"SELECT pg_current_snapshot()::text, {COLUMNS} FROM (SELECT 1) one LEFT JOIN inbox_outbox o"
            " ON o.xid >= %s AND NOT pg_visible_in_snapshot(o.xid::text::xid8, %s::pg_snapshot)"
            f" {end} AND o.id > %s ORDER BY o.id LIMIT %s",
            [floor, self.seen, *([self.until] if self.until else []), self.page, self.limit],
        )
        snapshot = self.until or str(found[0][0])
        events = [Event(*one[1:]) for one in found if one[1] is not None]
        if len(events) < self.limit:
            self.seen, self.until, self.page = snapshot, "", 0
        else:
            self.until, self.page = snapshot, events[-1].pk
        return events
