"""Many threads at once, as they would stand in the tables, without the time that sending each message takes."""

from collections.abc import Iterator, Sequence
from itertools import islice

from inbox.fhir import rows
from inbox.fhir.repository import Write
from inbox.fhir.types import Actor, Resource
from inbox.fhir.writes import SYSTEM, Unit
from inbox.models import Practice
from inbox.services import vocabulary
from inbox.services.derived import receipt_id

START = rows.micros("2026-01-01")
MINUTE = 60_000_000
CHUNK = 1_000


def threads(
    practice: Practice, name: str, people: Sequence[str], *, count: int, messages: int = 2, closed_every: int = 5
) -> list[str]:
    """So many threads of these people with so many messages each, the first of the people being the opener.

    The others have a read mark in each, open in every third thread. Gives the ids of the threads, oldest first.
    """
    found = [f"{name}-{number:05d}" for number in range(count)]
    writes = (
        Write("PUT", one["resourceType"], one["id"], one)
        for number, id in enumerate(found)
        for one in _thread(id, people, number, messages, closed=number % closed_every == closed_every - 1)
    )
    while chunk := list(islice(writes, CHUNK)):
        Unit(Actor(practice.pk, SYSTEM), trusted=True, stamps=True, derive=False, known=_Everything()).run(chunk)
    return found


class _Everything(set[str]):
    """References are known to lead somewhere."""

    def __iter__(self) -> Iterator[str]:
        return iter(())


def _thread(id: str, people: Sequence[str], number: int, messages: int, *, closed: bool) -> Iterator[Resource]:
    at = START + number * MINUTE
    status = "completed" if closed else "in-progress"
    common = {"resourceType": "Communication", "subject": {"reference": "Patient/homer"}, "topic": {"text": "Labs"}}
    last = _stamp(at + messages * 1_000)
    recipients = [{"reference": one, "display": one.partition("/")[2]} for one in people]
    header = {**common, "id": id, "status": status, "recipient": recipients, "sender": recipients[0], **last}
    yield {**header, "category": [vocabulary.concept(vocabulary.TAGS_SYSTEM, "lab-results", "Lab results")]}
    for index in range(messages):
        yield _message(common, id, people, index, at)
    for reader in recipients[1:]:
        yield _receipt(id, reader, "requested" if number % 3 == 0 else "completed", last)


def _message(common: Resource, thread: str, people: Sequence[str], index: int, at: int) -> Resource:
    sender = people[index % len(people)]
    return {
        **common,
        "id": f"{thread}-m{index}",
        "status": "in-progress",
        "partOf": [{"reference": f"Communication/{thread}"}],
        "sender": {"reference": sender},
        "recipient": [{"reference": one} for one in people if one != sender],
        "identifier": [{"system": vocabulary.CLIENT_ID, "value": f"{thread}-m{index}"}],
        "sent": rows.instant(at + index * 1_000),
        "payload": [{"contentString": f"Message {index} of {thread}"}],
        **_stamp(at + index * 1_000),
    }


def _receipt(thread: str, reader: Resource, status: str, last: Resource) -> Resource:
    return {
        "resourceType": "Task",
        "id": receipt_id(thread, reader["reference"]),
        "status": status,
        "intent": "order",
        "code": vocabulary.receipt_code(),
        "focus": {"reference": f"Communication/{thread}"},
        "for": {"reference": "Patient/homer"},
        "owner": reader,
        **last,
    }


def _stamp(at: int) -> Resource:
    return {"meta": {"lastUpdated": rows.instant(at)}}
