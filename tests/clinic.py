"""The clinic of every test: a practice, its people, and each of them behind their own policy."""

import json
from uuid import uuid4

from inbox import fhir
from inbox.fhir.guard import Guarded
from inbox.fhir.types import Actor, Resource
from inbox.models import AccessPolicy, Practice
from inbox.services import threads

NAMES = {
    "Practitioner/alice": "Dr. Alice Smith",
    "Practitioner/bob": "Bob Nurse",
    "Practitioner/charlie": "Charlie Stranger",
    "Practitioner/sam": "Sam Supervisor",
    "Patient/homer": "Homer Simpson",
}


def people() -> list[Resource]:
    """A resource for everybody."""
    return [person(reference, name) for reference, name in NAMES.items()]


def person(reference: str, name: str) -> Resource:
    type, _, id = reference.partition("/")
    return {"resourceType": type, "id": id, "active": True, "name": [{"text": name}]}


def crowd(practice: Practice, size: int) -> list[str]:
    """So many more Practitioners, by reference."""
    references = [f"Practitioner/p{number:03d}" for number in range(size)]
    fhir.bulk_load(practice, [person(one, f"Person {one[-3:]}") for one in references])
    return references


def connect(practice: Practice, profile: str, policy: str) -> Guarded:
    """The repository as somebody sees it under one of the shipped policies."""
    body = AccessPolicy.objects.get(practice=practice, fhir_id=policy).body
    return fhir.connect(Actor(practice.pk, profile, (profile,), NAMES.get(profile, "")), json.loads(body))


def start(
    repo: Guarded, *people: str, patient: str = "Patient/homer", topic: str = "Lab results", text: str = "Hello"
) -> str:
    """Start a thread with one message; gives its id."""
    return threads.start(
        repo, patient=patient, people=list(people), topic=topic, tags=[], text=text, client_id=str(uuid4())
    )
