"""Only threads are written to: no draft and no message opens a way to people whom somebody may not write to."""

import pytest

from inbox import fhir
from inbox.fhir import outcome
from inbox.fhir.guard import Guarded
from inbox.models import Practice
from tests import clinic

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.mark.parametrize("parent", ["own draft", "own message", "a message received"])
def test_ac53_only_a_thread_is_written_to(practice: Practice, alice: Guarded, bob: Guarded, parent: str) -> None:
    """A draft opens no way to people outside one's threads, and a message none back into a thread that one has left."""
    thread = clinic.start(alice, "Patient/homer", "Practitioner/bob")
    to = [{"reference": "Practitioner/charlie"}]
    body = {"resourceType": "Communication", "sender": {"reference": "Practitioner/bob"}, "recipient": to}
    payload = [{"contentString": "Hello"}]
    found = alice.search("Communication", [("part-of", f"Communication/{thread}")]).resources[0]
    places = {"a message received": found}
    if parent == "own draft":
        places[parent] = bob.create({**body, "status": "preparation", "payload": payload}).resource or {}
    if parent == "own message":
        answer = {**body, "recipient": [{"reference": "Practitioner/alice"}], "status": "in-progress"}
        own = {**answer, "partOf": [{"reference": f"Communication/{thread}"}], "payload": payload}
        places[parent] = bob.create(own).resource or {}
    before = fhir.system(practice.pk).read("Communication", places[parent]["id"])
    aside = {**body, "status": "in-progress", "payload": payload}
    aside["partOf"] = [{"reference": f"Communication/{places[parent]['id']}"}]
    with pytest.raises(outcome.FHIRError) as error:
        bob.create(aside)
    assert error.value.status in (403, 422)
    assert fhir.system(practice.pk).read("Communication", places[parent]["id"]) == before
