"""What the benchmarks are made on: a clinic of any size, the same at every run.

The probe's threads are the same at every size, but for one that is long in the large sets: the rest are other
people's. Resources are as the store keeps them, in the order in which they would have been written.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from inbox.fhir import rows
from inbox.fhir.types import Resource
from inbox.services import vocabulary
from inbox.services.derived import receipt_id

SEED = "fhir-inbox"
START = rows.micros("2024-01-01")
DAY = 86_400_000_000
YEARS = 700 * DAY
PROBE_THREADS = 400
UNREAD = 60
LONG_FROM = 100_000
"""Sets of so many Communications and more have a thread of `LONG` messages."""
LONG = 10_000
MIDDLE = 60
USUAL = 10
CIRCLE = {"Practitioner": 10, "Patient": 40}
"""With whom the probe writes, at every size."""
TOPICS = ("Lab results", "Refill of lisinopril", "Appointment next week", "Rash after antibiotics", "Letter for work")
TEXT = (
    "the results of last week are back and look fine please take the tablets with food call us when the fever"
    " comes back blood pressure was a little higher than before thank you I will be there on Monday morning"
    " is it safe to travel with this the pharmacy has sent a new prescription we can talk about the dose"
)


def identity(kind: str, *parts: object) -> str:
    """An id that looks like those of the store, the same at every run."""
    text = hashlib.blake2b(" ".join(map(str, (SEED, kind, *parts))).encode(), digest_size=16).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


@dataclass(frozen=True)
class Person:
    """Somebody of the clinic; `reference` is what Communications call them."""

    reference: str
    name: str

    @property
    def resource(self) -> Resource:
        type, _, id = self.reference.partition("/")
        family, given = self.name.split(" ")[::-1][:2]
        names = [{"family": family, "given": [given], "text": self.name}]
        return {"resourceType": type, "id": id, "active": True, "name": names}

    @property
    def named(self) -> Resource:
        return {"reference": self.reference, "display": self.name}


@dataclass(frozen=True)
class Thread:
    """A thread: the people in it, the opener first, its messages `step` microseconds apart."""

    number: int
    people: tuple[Person, ...]
    patient: Person
    messages: int
    at: int
    step: int
    closed: bool

    @cached_property
    def id(self) -> str:
        return identity("thread", self.number)

    @property
    def reference(self) -> str:
        return f"Communication/{self.id}"

    @property
    def last(self) -> int:
        """When its last message came."""
        return self.at + max(self.messages, 1) * self.step

    def message_id(self, index: int) -> str:
        return identity("message", self.number, index)

    def header(self) -> Resource:
        header = {
            **self._communication(self.id, self.last),
            "status": "completed" if self.closed else "in-progress",
            "sent": rows.instant(self.at),
            "recipient": [one.named for one in self.people],
            "sender": self.people[0].named,
            "identifier": [{"system": vocabulary.CLIENT_ID, "value": identity("client", self.number)}],
        }
        return rows.with_activity(header, rows.instant(self.last))

    def message(self, index: int) -> Resource:
        sender = self.people[index % len(self.people)]
        at = self.at + (index + 1) * self.step
        chance = random.Random(self.number * LONG + index)
        return {
            **self._communication(self.message_id(index), at),
            "partOf": [{"reference": self.reference}],
            "status": "in-progress",
            "sent": rows.instant(at),
            "recipient": [one.named for one in self.people if one is not sender],
            "sender": sender.named,
            "identifier": [{"system": vocabulary.CLIENT_ID, "value": identity("client", self.number, index)}],
            "payload": [{"contentString": _text(chance)}],
        }

    def receipt(self, reader: Person, *, unread: bool) -> Resource:
        """The read mark of one of the people."""
        return {
            "resourceType": "Task",
            "id": receipt_id(self.id, reader.reference),
            "meta": {"lastUpdated": rows.instant(self.last)},
            "status": "requested" if unread else "completed",
            "intent": "order",
            "code": vocabulary.receipt_code(),
            "focus": {"reference": self.reference},
            "for": self.patient.named,
            "authoredOn": rows.instant(self.last),
            "owner": reader.named,
        }

    def _communication(self, id: str, at: int) -> Resource:
        """What the header and the messages share."""
        code, name = vocabulary.TAGS[self.number % len(vocabulary.TAGS)]
        return {
            "resourceType": "Communication",
            "id": id,
            "meta": {"lastUpdated": rows.instant(at)},
            "category": [vocabulary.concept(vocabulary.TAGS_SYSTEM, code, name)],
            "subject": self.patient.named,
            "topic": {"text": TOPICS[self.number % len(TOPICS)]},
        }


class Clinic:
    """People and threads with `size` Communications in all."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.probe = Person("Practitioner/" + identity("person", "probe"), "Petra Probe")
        self.circle = {type: _people(type, f"circle-{type}", count) for type, count in CIRCLE.items()}
        others = {"Practitioner": 30, "Patient": 60} if size < LONG_FROM else {"Practitioner": 300, "Patient": 1_600}
        self.crowd = {type: _people(type, f"crowd-{type}", count) for type, count in others.items()}
        self.threads = [self._probes(number) for number in range(PROBE_THREADS)]
        left = size - sum(1 + one.messages for one in self.threads)
        assert left >= 0, f"A set has {size - left} Communications at least."
        while left > 0:
            thread = self._others(len(self.threads), left - 1)
            self.threads.append(thread)
            left -= 1 + thread.messages

    @property
    def people(self) -> list[Person]:
        groups = (self.circle, self.crowd)
        return [self.probe, *(one for group in groups for people in group.values() for one in people)]

    @property
    def middle(self) -> Thread:
        """A thread of the probe of `MIDDLE` messages."""
        return self.threads[0]

    @property
    def long(self) -> Thread:
        """The longest thread of the probe."""
        return self.threads[1]

    @property
    def usual(self) -> list[Thread]:
        """The threads of the probe that have `USUAL` messages, oldest first."""
        return sorted(self.threads[2:PROBE_THREADS], key=lambda one: one.last)

    def order(self) -> list[tuple[int, int, int]]:
        """(time, number of the thread, index of the message) as it came; the index of a header is -1."""
        return sorted(
            (one.at + (index + 1) * one.step, one.number, index)
            for one in self.threads
            for index in range(-1, one.messages)
        )

    def communication(self, number: int, index: int) -> Resource:
        thread = self.threads[number]
        return thread.header() if index < 0 else thread.message(index)

    def receipts(self) -> Iterator[Resource]:
        """The probe's read marks, those of the newest threads open."""
        newest = sorted(self.threads[:PROBE_THREADS], key=lambda one: -one.last)
        for place, thread in enumerate(newest):
            yield thread.receipt(self.probe, unread=place < UNREAD)

    def _probes(self, number: int) -> Thread:
        chance = random.Random(f"{SEED} probe {number}")
        size = LONG if self.size >= LONG_FROM else USUAL
        messages = {0: MIDDLE, 1: size}.get(number, USUAL)
        # The two that stand out are old, so that the first page of the list is the same at every size.
        at = START + chance.randrange(YEARS) if number > 1 else START + number * DAY
        step = 200 * DAY // messages if number < 2 else chance.randrange(60_000_000, DAY // 2)
        people = (self.probe, chance.choice(self.circle["Practitioner"]), chance.choice(self.circle["Patient"]))
        return Thread(number, people, people[2], messages, at, step, number % 5 == 4)

    def _others(self, number: int, most: int) -> Thread:
        chance = random.Random(f"{SEED} others {number}")
        staff = chance.sample(self.crowd["Practitioner"], chance.randint(1, 3))
        patient = chance.choice(self.crowd["Patient"])
        at, step = START + chance.randrange(YEARS), chance.randrange(60_000_000, DAY // 2)
        messages = min(chance.randint(4, 16), most)
        return Thread(number, (*staff, patient), patient, messages, at, step, number % 5 == 4)


def _text(chance: random.Random) -> str:
    start = chance.randrange(len(TEXT) // 2)
    return TEXT[start : start + chance.randint(20, len(TEXT) // 2)].strip()


def _people(type: str, kind: str, count: int) -> list[Person]:
    return [Person(f"{type}/{identity('person', kind, n)}", f"{type[:2]}{n} {kind.title()}") for n in range(count)]
