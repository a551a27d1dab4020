"""What follows from a message or a thread, by the system actor, inside the transaction of its cause.

Whatever door the cause came through (page, API, webhook, import of one message), the store asks here once.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from inbox import fhir
from inbox.fhir import builtin, events, rows
from inbox.fhir.events import Change
from inbox.fhir.repository import Write
from inbox.fhir.types import Resource, split_reference
from inbox.fhir.writes import SYSTEM

from . import eventlines, vocabulary


def listen() -> None:
    """Follow every change of the store."""
    events.resource_changing.connect(follow, dispatch_uid="inbox.derived")


def follow(sender: object, changes: list[Change], **_: Any) -> list[Write]:
    """The writes that follow from these changes: last activity, read marks, event lines."""
    changes = [change for change in changes if change.actor.profile != SYSTEM and _is_communication(change)]
    if not changes:
        return []
    touched = _Touched(changes)
    lines: list[Write] = []
    for change in changes:
        if "partOf" not in change.resource:
            lines += eventlines.follow(change)
            _cancel_receipts(touched, change)
        elif _newly_sent(change):
            _message_sent(touched, change.resource)
    return [*touched.writes(), *lines]


def _is_communication(change: Change) -> bool:
    return change.after is not None and change.after["resourceType"] == "Communication"


def receipt_id(thread: str, reader: str) -> str:
    """The id of a reader's one read mark in a thread."""
    return "rr-" + hashlib.sha256(f"{thread} {reader}".encode()).hexdigest()[:32]


def _newly_sent(change: Change) -> bool:
    before, after = change.before, change.after
    assert after is not None
    fresh = before is None or before.get("status") == "preparation"
    return fresh and after.get("status") in ("in-progress", "completed")


class _Touched:
    """The headers and read marks that these changes touch, locked in one query, and what becomes of them."""

    def __init__(self, changes: Sequence[Change]) -> None:
        system = fhir.system(changes[0].actor.practice)
        self._rows = system.locked({f"{type}/{id}" for change in changes for type, id in _touched(change)})
        self._writes: dict[str, Write] = {}

    def get(self, reference: str) -> Resource | None:
        """A resource as it will be after these writes."""
        write = self._writes.get(reference)
        return write.resource if write else self._rows.get(reference)

    def put(self, resource: Resource) -> None:
        type, id = resource["resourceType"], resource["id"]
        self._writes[f"{type}/{id}"] = Write("PUT", type, id, resource)

    def writes(self) -> list[Write]:
        return list(self._writes.values())


def _touched(change: Change) -> list[tuple[str, str]]:
    """A message's header and the marks of its readers; for a header, the marks of those who are gone."""
    after = change.resource
    if "partOf" not in after:
        return [("Task", receipt_id(after["id"], one)) for one in _gone(change)]
    threads = [parent.partition("/")[2] for parent in builtin.parents(after)]
    marks = [("Task", receipt_id(thread, reader)) for thread in threads for reader in builtin.recipients(after)]
    return [*(("Communication", thread) for thread in threads), *marks]


def _message_sent(touched: _Touched, message: Resource) -> None:
    """Last activity moves for a message that every participant may read; each reader gets an open read mark."""
    for thread in builtin.parents(message):
        header = touched.get(thread)
        if header is None:
            continue
        readers = {*builtin.recipients(message), message.get("sender", {}).get("reference")}
        if set(builtin.recipients(header)) <= readers:
            touched.put(rows.with_activity(header, _activity(header, message)))
        _open_receipts(touched, thread, header, message)


def _activity(header: Resource, message: Resource) -> str:
    """When the message came; after the last activity also where the clock has stepped back since."""
    came, last = str(message["meta"]["lastUpdated"]), rows.header_activity(header)
    return rows.instant(rows.micros(last) + 1) if came < last else came


def _open_receipts(touched: _Touched, thread: str, header: Resource, message: Resource) -> None:
    """One Task for each reader and thread: made with the first message, opened again by the next."""
    sender = message.get("sender", {}).get("reference")
    for reader in message.get("recipient", []):
        reference = reader.get("reference", "")
        if reference == sender or split_reference(reference)[0] not in READERS:
            continue
        id = receipt_id(thread.partition("/")[2], reference)
        task = touched.get(f"Task/{id}")
        if task is None:
            touched.put(_receipt(id, reader, thread, header, message))
        elif task["status"] != "requested":
            touched.put({**task, "status": "requested"})


def _cancel_receipts(touched: _Touched, change: Change) -> None:
    """Who takes part no longer has nothing left to read; nor has anybody in a thread opened by mistake."""
    for reader in _gone(change):
        task = touched.get(f"Task/{receipt_id(change.resource['id'], reader)}")
        if task is not None and task["status"] == "requested":
            touched.put({**task, "status": "cancelled"})


def _gone(change: Change) -> list[str]:
    """Those for whom a change of a header ends the thread."""
    was, now = builtin.recipients(change.before), builtin.recipients(change.after)
    mistake = change.resource["status"] == "entered-in-error"
    return sorted({*was, *now} if mistake else {*was} - {*now})


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
