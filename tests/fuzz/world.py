"""The clinic that is asked at random: one thread that charlie takes part in, and one that does not exist for him."""

from base64 import b64encode
from typing import Any

from inbox import fhir
from inbox.fhir.types import Resource
from inbox.models import Practice
from tests import clinic

HIDDEN, UNUSED = "hidden-", "unused-"
"""How everything that charlie may not know of begins; the same with the second word was never there."""
MARKER = "xq7zmarker"
"""A word in every text of the hidden thread, and in nothing else."""
STATED = "2026-11-20T12:00:00Z"


def build(practice: Practice) -> None:
    """Put the threads, Tasks and papers into a practice that has the usual people."""
    fhir.bulk_load(practice, [*clinic.people(), *_open(), *_hidden(), *_calendar()])


def ref(target: str) -> Resource:
    return {"reference": target}


def refs(*targets: str) -> list[Resource]:
    return [ref(one) for one in targets]


def thread(id: str, *people: str, text: str = "Lab results", **more: Any) -> Resource:
    found = {
        "resourceType": "Communication",
        "id": id,
        "status": "in-progress",
        "subject": ref("Patient/homer"),
        "sender": ref(people[0]),
        "recipient": refs(*people),
        "topic": {"text": text},
        "sent": STATED,
    }
    return {**found, **more}


def message(id: str, parent: str, *people: str, text: str = "Hello", **more: Any) -> Resource:
    found = thread(id, *people, partOf=refs(f"Communication/{parent}"), payload=[{"contentString": text}])
    found.pop("topic")
    return {**found, **more}


def task(id: str, about: str, owner: str, text: str = "Please answer") -> Resource:
    return {
        "resourceType": "Task",
        "id": id,
        "status": "requested",
        "intent": "order",
        "code": {"text": "answer"},
        "priority": "routine",
        "focus": ref(f"Communication/{about}"),
        "owner": ref(owner),
        "description": text,
    }


def provenance(id: str, target: str, agent: str) -> Resource:
    found = {"resourceType": "Provenance", "id": id, "target": refs(f"Communication/{target}"), "recorded": STATED}
    return {**found, "agent": [{"who": ref(agent)}], "reason": [{"text": MARKER}]}


def _open() -> list[Resource]:
    alice, charlie, homer = "Practitioner/alice", "Practitioner/charlie", "Patient/homer"
    return [
        thread("open-thread", charlie, alice, homer),
        message("open-message", "open-thread", charlie, alice, homer),
        message("open-reply", "open-thread", homer, charlie, inResponseTo=refs("Communication/open-message")),
        message("open-draft", "open-thread", charlie, homer, status="preparation"),
        task("open-task", "open-thread", charlie),
    ]


def _hidden() -> list[Resource]:
    """What alice and bob have with each other; charlie is a colleague of theirs."""
    alice, bob = "Practitioner/alice", "Practitioner/bob"
    mark = [{"system": "urn:x", "value": f"{HIDDEN}mark"}]
    payload = [{"contentString": MARKER}, {"contentAttachment": {"url": f"Binary/{HIDDEN}file", "title": MARKER}}]
    file = {"resourceType": "Binary", "id": f"{HIDDEN}file", "contentType": "text/plain"}
    internal = [{"coding": [{"code": "internal"}], "text": MARKER}]
    return [
        thread(f"{HIDDEN}thread", alice, bob, text=MARKER, identifier=mark, note=[{"text": MARKER}]),
        message(f"{HIDDEN}message", f"{HIDDEN}thread", alice, bob, identifier=mark, payload=payload),
        message(f"{HIDDEN}note", f"{HIDDEN}thread", bob, alice, text=MARKER, category=internal),
        message(f"{HIDDEN}draft", f"{HIDDEN}thread", alice, bob, text=MARKER, status="preparation"),
        message(
            f"{HIDDEN}aside", "open-thread", alice, bob, text=MARKER, inResponseTo=refs("Communication/open-message")
        ),
        task(f"{HIDDEN}task", f"{HIDDEN}thread", bob, MARKER),
        provenance(f"{HIDDEN}trace", f"{HIDDEN}thread", alice),
        {**file, "data": b64encode(MARKER.encode()).decode(), "securityContext": ref(f"Communication/{HIDDEN}message")},
    ]


def _calendar() -> list[Resource]:
    actor = refs("Practitioner/alice")
    schedule = {"resourceType": "Schedule", "id": "open-schedule", "actor": actor}
    slot = {"resourceType": "Slot", "id": "open-slot", "schedule": ref("Schedule/open-schedule"), "status": "free",
            "start": "2026-11-23T09:00:00Z", "end": "2026-11-23T09:30:00Z"}  # fmt: skip
    return [schedule, slot]
