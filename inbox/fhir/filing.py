"""What happens to files by itself: they come to belong to what carries them; forgotten and lost ones go."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.files.storage import Storage
from django.db import transaction

from inbox.models import Content

from . import builtin, events, files, outcome, rows
from .builtin import FILE
from .events import Change
from .repository import Write
from .store import system
from .types import split_reference
from .writes import SYSTEM

log = logging.getLogger(__name__)

HOUR = 3600 * 1_000_000
SWEPT_DAYS = 8
"""How many days back the sweep looks for contents that no file has: the storage has one folder a day."""
BATCH = 500


def listen() -> None:
    """Follow every change of the store."""
    events.resource_changing.connect(follow, dispatch_uid="inbox.filing")


def follow(sender: object, changes: list[Change], **_: Any) -> list[Write]:
    """The writes by which loose files come to belong to what their uploader has just made to carry them."""
    carriers: dict[tuple[str, str], Change] = {}
    for change in changes:
        if change.after is None or change.after["resourceType"] == FILE:
            continue
        before = builtin.files(change.before) if change.before else []
        for file in builtin.files(change.after):
            if file not in before:
                carriers.setdefault(split_reference(file), change)
    if not carriers:
        return []
    found = rows.lock(changes[0].actor.practice, carriers)
    loose = {row.pk: row for row in found.values() if not row.deleted}
    uploaders = dict(Content.objects.filter(resource__in=loose, loose=True).values_list("resource", "uploader"))
    taken = [row for row in loose.values() if _brought(carriers[row.type, row.id], uploaders.get(row.pk, ""))]
    Content.objects.filter(resource__in=[row.pk for row in taken], loose=True).update(loose=False)
    return [_belonging(row, carriers[row.type, row.id]) for row in taken]


def _brought(change: Change, uploader: str) -> bool:
    return uploader in (change.actor.profile, *change.actor.profiles)


def _belonging(row: rows.Row, change: Change) -> Write:
    carrier = {"reference": change.reference}
    return Write("PUT", row.type, row.id, {**row.resource, "securityContext": carrier})


def tidy() -> None:
    """Let forgotten files and lost contents go; a storage that does not answer is for the next time."""
    try:
        forgotten, lost = forget(), sweep()
    except OSError:
        log.exception("The storage of files does not answer.")
        return
    if forgotten or lost:
        log.info("%s files that nothing carried and %s contents that no file had are deleted", forgotten, lost)


def forget() -> int:
    """Delete, with their contents, files that people uploaded and nothing has carried since; returns how many."""
    until = rows.now() - settings.FHIR_LOOSE_FILE_HOURS * HOUR
    old = Content.objects.filter(loose=True, at__lt=until).exclude(uploader=SYSTEM).select_related("resource")
    return sum(_forget(one) for one in list(old.order_by("at")[:BATCH]))


def _forget(content: Content) -> bool:
    file = content.resource
    try:
        with transaction.atomic():
            rows.load(file.practice_id, [(FILE, file.fhir_id)], lock=True)
            every = Content.objects.filter(resource=file)
            if not every.filter(loose=True).exists():
                return False
            keys = [one.key for one in every]
            if not file.deleted:
                system(file.practice_id).delete(FILE, file.fhir_id)
            every.delete()
    except outcome.Conflict:
        # Something refers to it without carrying it.
        return False
    for key in keys:
        files.storage().delete(key)
    return True


def sweep() -> int:
    """Delete contents of the last days that no file has: what a crash left between storage and commit."""
    storage, lost = files.storage(), 0
    for key in _contents(storage):
        aged = datetime.now(UTC) - storage.get_modified_time(key) > timedelta(hours=1)
        if aged and not Content.objects.filter(key=key).exists():
            storage.delete(key)
            lost += 1
    return lost


def _contents(storage: Storage) -> Iterator[str]:
    today = datetime.now(UTC)
    for days in range(SWEPT_DAYS):
        folder = f"{today - timedelta(days=days):%Y-%m-%d}"
        try:
            names = storage.listdir(folder)[1]
        except FileNotFoundError:
            continue
        yield from (f"{folder}/{name}" for name in names)
