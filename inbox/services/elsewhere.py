"""What follows from changes on a remote server: done by the worker, a moment later, and never twice.

The embedded store asks `derived` inside the transaction of the cause. Here each change that the worker finds is asked
about in the same words, and what follows is written under ids that the change decides.
"""

import logging
import time
from dataclasses import replace

from django.conf import settings

from inbox import fhir
from inbox.fhir import outcome, place, rows
from inbox.fhir.events import Change
from inbox.fhir.remote_bundle import CONDITIONAL
from inbox.fhir.remote_changes import Watch
from inbox.fhir.remote_files import belonging
from inbox.fhir.repository import Write
from inbox.models import Practice

from . import derived

log = logging.getLogger(__name__)

TRIES = 5
GIVEN_UP = 10
BROKEN = 5.0
"""Seconds until a remote server that did not answer is asked again."""
HOUR = 3600.0


class Lookout:
    """Asks the remote server of the settings what has changed, as often as they say; nothing where there is none."""

    def __init__(self) -> None:
        self._watches: dict[int, Watch] = {}
        self._due = self._tidied = 0.0

    def work(self, *, now: bool = False) -> int:
        """Look if it is time, or `now`; gives how many changes there were."""
        if place.remote() is None or (time.monotonic() < self._due and not now):
            return 0
        self._due = time.monotonic() + settings.FHIR_POLL_SECONDS
        try:
            return sum(look(watch) for watch in self._all())
        except outcome.FHIRError as error:
            level = logging.WARNING if isinstance(error, outcome.Busy) else logging.ERROR
            log.log(level, "changes on the remote server wait: %s", error.text)
            self._due = time.monotonic() + BROKEN
            return 0

    def _all(self) -> list[Watch]:
        for practice in Practice.objects.values_list("pk", flat=True):
            self._watches.setdefault(practice, Watch(practice))
        if time.monotonic() - self._tidied > HOUR:
            self._tidied = time.monotonic()
            for watch in self._watches.values():
                watch.tidy()
        return list(self._watches.values())


def look(watch: Watch) -> int:
    """Deal with everything that is new on the remote server; gives how many changes there were.

    What the server refuses is tried again a few times and then given up, so that it holds up nothing else. Raises
    Busy while the server is away.
    """
    done = 0
    for change in watch.changes():
        try:
            _follow(change)
        except outcome.Busy:
            raise
        except outcome.FHIRError as error:
            if watch.wait(change) < GIVEN_UP:
                log.warning("what follows from %s failed and is tried again: %s", change.reference, error.text)
                continue
            log.error("what follows from %s is given up: %s", change.reference, error.text)
        watch.done(change)
        done += 1
    return done


def _follow(change: Change) -> None:
    """Write what follows from one change; again from the start when somebody changed the same meanwhile."""
    system = fhir.system(change.actor.practice)
    for attempt in range(TRIES):
        follows = [*derived.follow(None, [change]), *belonging(system, change)]
        writes = [_named(one) for one in follows if not _read_since(one, change)]
        try:
            for start in range(0, len(writes), CONDITIONAL):
                system.apply(writes[start : start + CONDITIONAL])
            return
        except outcome.Stale:
            if attempt + 1 == TRIES:
                raise
            log.info("%s changed meanwhile; its consequences are worked out again", change.reference)


def _named(write: Write) -> Write:
    """What is new is created under its id; what is there is changed from the version that was looked at."""
    assert write.resource is not None
    version = write.resource.get("meta", {}).get("versionId", "")
    if version:
        return replace(write, id=write.resource["id"], if_match=version)
    return replace(write, method="POST")


def _read_since(write: Write, change: Change) -> bool:
    """Whether a mark that would be opened again was closed after the message came: its reader has seen it."""
    resource = write.resource or {}
    closed = resource.get("meta", {}).get("lastUpdated")
    if resource.get("resourceType") != "Task" or resource.get("status") != "requested" or not closed:
        return False
    return rows.micros(str(closed)) >= rows.micros(str(change.resource["meta"]["lastUpdated"]))
