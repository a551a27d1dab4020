"""What follows from a message or a thread, by the system actor, inside the transaction of its cause.

Whatever door the cause came through (page, API, webhook, import of one message), the store asks here once.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

from inbox import fhir
from inbox.fhir import builtin, events, rows
from inbox.fhir.events import Change
from inbox.fhir.repository import Write
from inbox.fhir.store import Store
from inbox.fhir.types import Resource
from inbox.fhir.writes import SYSTEM

from . import eventlines, vocabulary


def listen() -> None:
    """Follow every change of the store."""
    events.resource_changing.connect(follow, dispatch_uid="inbox.derived")


def follow(sender: object, changes: list[Change], **_: Any) -> list[Write]:
    """The writes that follow from these changes: last activity, read marks, event lines."""
    changes = [change for change in changes if change.actor.profile != SYSTEM]
    store = fhir.system(changes[0].actor.practice) if changes else None
    if store is None:
        return []
    touched = _Touched(store, changes)
    writes: list[Write] = []
    for change in changes:
        after = change.after
        if after is None or after["resourceType"] != "Communication":
            continue
        if "partOf" not in after:
            writes += eventlines.follow(change)
            writes += _cancel_receipts(store, change)
        elif _newly_sent(change):
            writes += _message_sent(touched, after)
    return [*touched.writes(), *writes]


def receipt_id(thread: str, reader: str) -> str:
    """The id of a reader's one read mark in a thread."""
    return "rr-" + hashlib.sha256(f"{thread} {reader}".encode()).hexdigest()[:32]


def _newly_sent(change: Change) -> bool:
    before, after = change.before, change.after
    assert after is not None
    fresh = before is None or before.get("status") == "preparation"
    return fresh and after.get("status") in ("in-progress", "completed")


class _Touched:
    """The headers and read marks that these changes touch, locked in one query; moves are kept until the end."""

    def __init__(self, store: Store, changes: Iterable[Change]) -> None:
        self._store = store
        keys = {key for change in changes if change.after for key in _touched(change.after)}
        found = rows.lock(store.actor.practice, keys)
        self._rows = {f"{type}/{id}": row.resource for (type, id), row in found.items() if not row.deleted}
        self._moved: dict[str, Resource] = {}

    def get(self, reference: str) -> Resource | None:
        return self._moved.get(reference) or self._rows.get(reference)

    def move(self, reference: str, activity: str) -> None:
        header = self.get(reference)
        assert header is not None
        if activity > rows.header_activity(header):
            self._moved[reference] = rows.with_activity(header, activity)

    def writes(self) -> list[Write]:
        return [Write("PUT", "Communication", one["id"], one) for one in self._moved.values()]


def _touched(resource: Resource) -> list[tuple[str, str]]:
    """The header of a message and the marks of its readers; for a header, the header."""
    if resource["resourceType"] != "Communication":
        return []
    threads = [parent.partition("/")[2] for parent in builtin.parents(resource)] or [resource["id"]]
    readers = builtin.recipients(resource) if "partOf" in resource else []
    marks = [("Task", receipt_id(thread, reader)) for thread in threads for reader in readers]
    return [*(("Communication", thread) for thread in threads), *marks]


def _message_sent(touched: _Touched, message: Resource) -> list[Write]:
    """Last activity moves for a message that every participant may read; each reader gets an open read mark."""
    writes: list[Write] = []
    for thread in builtin.parents(message):
        header = touched.get(thread)
        if header is None:
            continue
        readers = {*builtin.recipients(message), message.get("sender", {}).get("reference")}
        if set(builtin.recipients(header)) <= readers:
            touched.move(thread, message["meta"]["lastUpdated"])
        writes += _open_receipts(touched, thread, header, message)
    return writes


def _open_receipts(marks: _Touched, thread: str, header: Resource, message: Resource) -> list[Write]:
    """One Task for each reader and thread: made with the first message, opened again by the next."""
    id = thread.partition("/")[2]
    sender = message.get("sender", {}).get("reference")
    readers = {
        one["reference"]: one for one in message.get("recipient", []) if one.get("reference") not in (None, sender)
    }
    ids = {receipt_id(id, reader): reader for reader in readers if reader.partition("/")[0] in READERS}
    writes = []
    for task_id, reader in sorted(ids.items()):
        task = marks.get(f"Task/{task_id}")
        if task is None:
            task = _receipt(task_id, readers[reader], thread, header, message)
            writes.append(Write("PUT", "Task", task_id, task))
        elif task["status"] != "requested":
            writes.append(Write("PUT", "Task", task_id, {**task, "status": "requested"}))
    return writes


def _cancel_receipts(store: Store, change: Change) -> list[Write]:
    """Who takes part no longer has nothing left to read; nor has anybody in a thread opened by mistake."""
    before, after = change.before, change.after
    assert after is not None
    gone = set(builtin.recipients(before)) - set(builtin.recipients(after))
    if after["status"] == "entered-in-error":
        gone |= set(builtin.recipients(after))
    found = rows.lock(store.actor.practice, [("Task", receipt_id(after["id"], one)) for one in gone])
    tasks = [row.resource for row in found.values() if not row.deleted]
    return [
        Write("PUT", "Task", task["id"], {**task, "status": "cancelled"})
        for task in tasks
        if task["status"] == "requested"
    ]


READERS = ("Practitioner", "Patient", "RelatedPerson")


def _receipt(id: str, reader: Resource, thread: str, header: Resource, message: Resource) -> Resource:
    """An open read mark; `meta.lastUpdated` says since when, as it is opened again with the first unread message."""
    subject = {"for": header["subject"]} if "subject" in header else {}
    return {
        "resourceType": "Task",
        "id": id,
        "status": "requested",
        "intent": "order",
        "code": vocabulary.receipt_code(),
        "focus": {"reference": thread},
        **subject,
        "authoredOn": message["meta"]["lastUpdated"],
        "owner": reader,
    }
