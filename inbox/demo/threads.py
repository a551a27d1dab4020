"""Threads of the demo clinics as FHIR resources: header, messages, event lines, read marks."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from inbox.fhir.types import Resource

from .people import Person

TAGS_SYSTEM = "https://fhir-inbox.example/tags"
CATEGORY = "https://fhir-inbox.example/communication-category"
EVENT = "https://fhir-inbox.example/thread-event"
TASK_CODES = "https://medplum.com/task-codes"
TAGS = {
    "lab-results": "Lab results",
    "medicines": "Medicines",
    "appointments": "Appointments",
    "symptoms": "Symptoms",
    "letters": "Letters and forms",
    "diabetes": "Diabetes",
    "heart": "Heart",
    "children": "Children",
    "vaccination": "Vaccination",
    "referrals": "Referrals",
    "nutrition": "Nutrition",
    "team": "Team",
}


@dataclass
class Entry:
    """One thing in a thread: a message, or (with `event`) a line that says what somebody did."""

    id: str
    sender: Person
    text: str
    sent: datetime
    recipients: list[Person]
    internal: bool = False
    event: str = ""
    about: list[Person] = field(default_factory=list)
    answers: str = ""


@dataclass
class Thread:
    """A conversation while it is being made; `people` are its participants now, `unread` those who have not looked."""

    id: str
    topic: str
    tags: list[str]
    subject: Person | None
    people: list[Person]
    entries: list[Entry] = field(default_factory=list)
    closed: bool = False
    unread: set[str] = field(default_factory=set)

    def say(self, sender: Person, text: str, sent: datetime, *, internal: bool = False, answers: str = "") -> Entry:
        """Add a message to everybody else, or to the staff among them."""
        recipients = [one for one in self.people if one is not sender and (one.staff or not internal)]
        entry = Entry(self._next_id(), sender, text, sent, recipients, internal, answers=answers)
        self.entries.append(entry)
        return entry

    def close(self, actor: Person, sent: datetime) -> None:
        """Close the thread, with the event line that the inbox writes."""
        self.closed = True
        self._event("closed", actor, [], sent)

    def join(self, actor: Person, person: Person, sent: datetime) -> None:
        """Add somebody from now on, with the event line that the inbox writes."""
        self.people.append(person)
        self._event("added", actor, [person], sent)

    def _event(self, code: str, actor: Person, about: list[Person], sent: datetime) -> None:
        text = " ".join([code, *[one.display for one in about]])
        recipients = [one for one in self.people if one is not actor]
        self.entries.append(Entry(self._next_id(), actor, text, sent, recipients, event=code, about=about))

    def _next_id(self) -> str:
        return f"{self.id}-{len(self.entries) + 1:02d}"

    @property
    def last_activity(self) -> datetime:
        return max(entry.sent for entry in self.entries if not entry.internal)

    def received(self, reader: Person) -> list[Entry]:
        """The messages that this person was sent, oldest first; event lines are not messages."""
        return [entry for entry in self.entries if not entry.event and reader in entry.recipients]

    def may_be_unread(self, reader: Person) -> bool:
        """Whether the last word is somebody else's and reached this person."""
        return bool(self._new(reader))

    def _new(self, reader: Person) -> list[Entry]:
        """What this person was sent since they last spoke."""
        spoken = [entry.sent for entry in self.entries if entry.sender is reader]
        return [entry for entry in self.received(reader) if not spoken or entry.sent > max(spoken)]

    def resources(self, end: datetime) -> Iterator[Resource]:
        """The header, its messages, and the read mark of everybody who was sent one and can sign in."""
        yield self._header()
        for entry in self.entries:
            yield self._message(entry)
        for reader in self.people:
            if self.received(reader) and not reader.carer:
                yield self._receipt(reader, end)

    def _header(self) -> Resource:
        opening = self.entries[0]
        return {
            "resourceType": "Communication",
            "id": self.id,
            "meta": {"lastUpdated": stamp(self.last_activity)},
            "status": "completed" if self.closed else "in-progress",
            **self._categories([]),
            **self._carried(),
            "recipient": [one.ref for one in self.people],
            "sender": opening.sender.ref,
            "sent": stamp(opening.sent),
        }

    def _message(self, entry: Entry) -> Resource:
        kinds = [concept(CATEGORY, "internal", "Internal note")] if entry.internal else []
        found = {
            "resourceType": "Communication",
            "id": entry.id,
            "meta": {"lastUpdated": stamp(entry.sent)},
            "partOf": [{"reference": f"Communication/{self.id}"}],
            "status": "in-progress",
            **self._categories(kinds),
            **self._carried(),
            "recipient": [one.ref for one in entry.recipients],
            "sender": entry.sender.ref,
            "sent": stamp(entry.sent),
            "payload": [{"contentString": entry.text}],
        }
        if entry.event:
            found["category"] = [concept(CATEGORY, "event"), concept(EVENT, entry.event)]
        if entry.about:
            found["about"] = [one.ref for one in entry.about]
        if entry.answers:
            found["inResponseTo"] = [{"reference": f"Communication/{entry.answers}"}]
        return found

    def _categories(self, more: list[Resource]) -> Resource:
        categories = [concept(TAGS_SYSTEM, tag, TAGS[tag]) for tag in self.tags] + more
        return {"category": categories} if categories else {}

    def _carried(self) -> Resource:
        subject = {"subject": self.subject.ref} if self.subject else {}
        return {**subject, "topic": {"text": self.topic}}

    def _receipt(self, reader: Person, end: datetime) -> Resource:
        """`authoredOn` is the first message that was not read when the mark was last opened."""
        new = self._new(reader) or self.received(reader)[-1:]
        unread = reader.reference in self.unread
        seen = new[-1].sent if unread else min(end, new[-1].sent + timedelta(minutes=7))
        return {
            "resourceType": "Task",
            "id": receipt_id(self.id, reader.reference),
            "meta": {"lastUpdated": stamp(seen)},
            "status": "requested" if unread else "completed",
            "intent": "order",
            "code": concept(TASK_CODES, "read-receipt"),
            "focus": {"reference": f"Communication/{self.id}"},
            **({"for": self.subject.ref} if self.subject else {}),
            "authoredOn": stamp(new[0].sent),
            "lastModified": stamp(seen),
            "owner": reader.ref,
        }


def receipt_id(thread: str, reader: str) -> str:
    """The id of a reader's one read mark in a thread, as the inbox itself makes it."""
    return "rr-" + hashlib.sha256(f"{thread} {reader}".encode()).hexdigest()[:32]


def concept(system: str, code: str, display: str = "") -> Resource:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code, **({"display": display} if display else {})}]}


def stamp(when: datetime) -> str:
    """A time as FHIR writes it, in UTC to the second."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
