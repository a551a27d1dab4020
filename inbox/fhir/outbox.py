"""The outbox: changes that background work still has to look at, in order, until every handler has seen them."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.models import Min

from inbox.models import Outbox

from . import rows

log = logging.getLogger(__name__)

Handler = Callable[[Outbox], None]

handlers: list[Handler] = []
"""What is told of every change. A handler runs inside the transaction that marks the row done, at least once for
each change; when it raises, what it wrote is taken back and the row waits."""

BATCH = 50
KEPT = 7 * 24 * 3600 * 1_000_000
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 600.0


@dataclass
class Pauses:
    """When a row that failed is tried again: after 2 s, 4 s, 8 s … at most 10 minutes, by this process's clock."""

    clock: Callable[[], float] = time.monotonic
    failed: dict[int, tuple[int, float]] = field(default_factory=dict)

    def waiting(self) -> set[int]:
        """The rows that are not to be tried yet."""
        now = self.clock()
        return {pk for pk, (_, until) in self.failed.items() if until > now}

    def add(self, pk: int) -> float:
        """Note another failure of a row; returns the seconds until it is tried again."""
        tries = self.failed.get(pk, (0, 0.0))[0] + 1
        pause = min(FIRST_PAUSE * 2.0 ** min(tries - 1, 20), LONGEST_PAUSE)
        self.failed[pk] = (tries, self.clock() + pause)
        return pause


def work(pauses: Pauses, limit: int = BATCH) -> int:
    """Deliver the next rows and mark them done, in one transaction; returns how many are done.

    Order is kept within a thread: a row waits as long as an earlier one of its thread does, here or in another worker.
    """
    if not waiting():
        return 0
    with transaction.atomic():
        taken = take(limit, without=pauses.waiting())
        held = _held(taken)
        done = []
        for row in taken:
            thread = (row.practice_id, row.thread)
            if row.pk > held.get(thread, row.pk):
                continue
            if _deliver(row, pauses):
                done.append(row.pk)
            elif row.thread:
                held[thread] = row.pk
        Outbox.objects.filter(pk__in=done).update(done=True)
        return len(done)


def take(limit: int, *, without: Collection[int] = ()) -> list[Outbox]:
    """The next rows that wait, oldest first, locked until the transaction ends.

    PostgreSQL passes over rows that another worker holds; on SQLite every transaction has the file to itself.
    """
    rows_waiting = Outbox.objects.filter(done=False).exclude(pk__in=without).order_by("pk")
    if connection.features.has_select_for_update_skip_locked:
        rows_waiting = rows_waiting.select_for_update(skip_locked=True)
    return list(rows_waiting[:limit])


def _held(taken: Sequence[Outbox]) -> dict[tuple[int, str], int]:
    """The threads of which somebody else still has a row to deliver, with the first such row."""
    threads = {row.thread for row in taken if row.thread}
    others = Outbox.objects.filter(done=False, thread__in=threads).exclude(pk__in=[row.pk for row in taken])
    first = others.values_list("practice_id", "thread").annotate(Min("pk"))
    return {(practice, thread): pk for practice, thread, pk in first}


def _deliver(row: Outbox, pauses: Pauses) -> bool:
    try:
        with transaction.atomic():
            for handler in handlers:
                handler(row)
    except Exception:
        pause = pauses.add(row.pk)
        log.exception(
            "outbox row %s (%s %s/%s) failed; again in %.0f s", row.pk, row.interaction, row.type, row.fhir_id, pause
        )
        return False
    pauses.failed.pop(row.pk, None)
    return True


def waiting() -> bool:
    """Whether any change still waits; asked without a lock, so that an idle worker is in nobody's way."""
    return Outbox.objects.filter(done=False).exists()


def purge() -> int:
    """Delete what was done more than seven days ago; returns how many rows went."""
    return Outbox.objects.filter(done=True, at__lt=rows.now() - KEPT).delete()[0]
