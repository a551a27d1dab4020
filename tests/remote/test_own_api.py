"""The client against this product's own API over a real socket: HTTP/1.1, kept connections, real headers."""

from uuid import uuid4

import pytest
from pytest_django.live_server_helper import LiveServer

from inbox import fhir
from inbox.fhir import outcome
from inbox.fhir.client import Client
from inbox.fhir.types import Actor, Resource
from inbox.models import Practice
from tests import clinic
from tests.fhir.conftest import OPEN
from tests.remote import own

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

PATIENT: Resource = {"resourceType": "Patient", "name": [{"family": "Flanders"}]}


@pytest.fixture
def practice(transactional_db: None) -> Practice:
    practice = fhir.create_practice("springfield", "Springfield Clinic")
    fhir.bulk_load(practice, clinic.people())
    return practice


@pytest.fixture
def client(live_server: LiveServer, practice: Practice, settings: pytest.FixtureRequest) -> Client:
    settings.ALLOWED_HOSTS = ["*"]  # type: ignore[attr-defined]
    actor = Actor(practice.pk, "Practitioner/alice", ("Practitioner/alice",))
    return own.back_end(actor, practice, OPEN, f"{live_server.url}/fhir/R4")


def test_one_resource_from_its_creation_to_its_end(client: Client) -> None:
    first = client.create(PATIENT).resource
    assert first is not None
    assert client.read("Patient", first["id"]) == first
    second = client.update({**first, "active": True}, if_match="1").resource
    assert second is not None
    with pytest.raises(outcome.Stale):
        client.update({**first, "active": False}, if_match="1")
    patched = client.patch("Patient", first["id"], [{"op": "replace", "path": "/active", "value": False}]).resource
    assert client.history("Patient", first["id"]) == [patched, second, first]
    assert [one["id"] for one in client.search("Patient", [("family", "flanders")]).resources] == [first["id"]]
    client.delete("Patient", first["id"])
    with pytest.raises(outcome.Gone):
        client.read("Patient", first["id"])


def test_a_thread_and_its_message_are_one_transaction_and_one_only(client: Client) -> None:
    key, urn = str(uuid4()), f"urn:uuid:{uuid4()}"
    people = [{"reference": "Patient/homer"}, {"reference": "Practitioner/alice"}]

    def entry(resource: Resource, url: str, more: str) -> Resource:
        resource = {**resource, "resourceType": "Communication", "status": "in-progress", "recipient": people}
        resource["identifier"] = [{"system": "urn:key", "value": key}]
        condition = f"identifier=urn:key|{key}&part-of:missing={more}"
        request = {"method": "POST", "url": "Communication", "ifNoneExist": condition}
        return {"fullUrl": url, "resource": resource, "request": request}

    def send() -> list[str]:
        header = entry({"topic": {"text": "Labs"}}, urn, "true")
        text = {"partOf": [{"reference": urn}], "payload": [{"contentString": "Hello"}]}
        entries = [header, entry(text, f"urn:uuid:{uuid4()}", "false")]
        answer = client.transaction({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        return [one["resource"]["id"] for one in answer["entry"]]

    assert send() == send()
    header, message = send()
    assert client.read("Communication", message)["partOf"][0]["reference"] == f"Communication/{header}"


def test_a_refusal_keeps_its_status_text_and_place(client: Client) -> None:
    with pytest.raises(outcome.NotFound):
        client.read("Patient", "nobody")
    with pytest.raises(outcome.Invalid) as error:
        client.create({**PATIENT, "birthDate": "yesterday"})
    assert error.value.expression == ["Patient.birthDate"]
    with pytest.raises(outcome.Forbidden):
        client.create({"resourceType": "CareTeam", "status": "active"})
