"""The back ends that the contract of a repository is tested on."""

import pytest

from inbox import fhir
from inbox.fhir.repository import Repository
from inbox.fhir.store import Store
from inbox.fhir.types import Actor
from inbox.models import Practice

TYPES = ("Communication", "Observation", "Organization", "Patient", "Practitioner", "RelatedPerson", "Task")
OPEN = {"resourceType": "AccessPolicy", "id": "open", "resource": [{"resourceType": type} for type in TYPES]}


def back_end(name: str, practice: Practice) -> Repository:
    """A repository in which nothing is hidden, named as in `BACK_ENDS`."""
    actor = Actor(practice.pk, "Practitioner/alice", ("Practitioner/alice",), "Dr. Alice Smith")
    return Store(actor) if name == "store" else fhir.connect(actor, OPEN)


@pytest.fixture(params=["store", "guarded"])
def repo(request: pytest.FixtureRequest, practice: Practice) -> Repository:
    """The contract holds for each of these."""
    return back_end(request.param, practice)
