"""The contract of a repository: references lead somewhere, and practices know nothing of each other."""

from collections.abc import Callable
from typing import Any

import pytest

from inbox import fhir
from inbox.fhir import outcome
from inbox.fhir.repository import Repository
from inbox.fhir.types import Resource
from inbox.models import Practice
from tests.fhir.conftest import back_end
from tests.fhir.test_store import PATIENT, post, put

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]


# References


def a_message(**more: Any) -> Resource:
    recipient = [{"reference": "Patient/homer"}]
    return {"resourceType": "Communication", "status": "in-progress", "recipient": recipient, **more}


@pytest.mark.parametrize(
    ("field", "path"),
    [
        (
            {"recipient": [{"reference": "Patient/homer"}, {"reference": "Patient/nobody"}]},
            "Communication.recipient[1]",
        ),
        ({"subject": {"reference": "Patient/nobody"}}, "Communication.subject"),
        ({"partOf": [{"reference": "Communication/nothing"}]}, "Communication.partOf[0]"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused_by_its_path(repo: Repository, field: Resource, path: str) -> None:
    with pytest.raises(outcome.UnknownReference) as error:
        repo.create(a_message(**field))
    assert error.value.expression == [path]
    assert error.value.status == 400
    assert "no" in error.value.text


def test_the_name_beside_a_reference_is_the_servers_to_say(repo: Repository) -> None:
    message = post(repo, a_message(recipient=[{"reference": "Patient/homer", "display": "Dr. Evil"}]))
    assert message["recipient"][0]["display"] == "Homer Simpson"
    again = put(repo, {**message, "recipient": [{"reference": "Patient/homer", "display": "Dr. Evil"}]})
    assert again["recipient"] == message["recipient"]


def test_a_name_that_a_writer_leaves_out_is_no_change(repo: Repository) -> None:
    message = post(repo, a_message())
    written = repo.update({**message, "recipient": [{"reference": "Patient/homer"}]})
    assert written.resource is not None
    assert written.resource["recipient"][0]["display"] == "Homer Simpson"
    assert (written.unchanged, written.resource["meta"]["versionId"]) == (True, message["meta"]["versionId"])


def test_a_deleted_target_leads_nowhere(repo: Repository) -> None:
    id = post(repo, PATIENT)["id"]
    repo.delete("Patient", id)
    with pytest.raises(outcome.UnknownReference):
        repo.create(a_message(subject={"reference": f"Patient/{id}"}))


@pytest.mark.not_on("peer", "its engine deletes what others refer to")
def test_what_others_refer_to_is_not_deleted(repo: Repository) -> None:
    id = post(repo, PATIENT)["id"]
    message = post(repo, a_message(subject={"reference": f"Patient/{id}"}))
    with pytest.raises(outcome.Conflict):
        repo.delete("Patient", id)
    repo.delete("Communication", message["id"])
    repo.delete("Patient", id)


def test_a_resource_that_refers_to_itself_can_be_deleted(practice: Practice) -> None:
    store = back_end("store", practice)
    itself = {"link": [{"other": {"reference": "Patient/ned"}, "type": "seealso"}]}
    put(store, {**PATIENT, "id": "ned", **itself})
    store.delete("Patient", "ned")
    with pytest.raises(outcome.Gone):
        store.read("Patient", "ned")


def test_references_carry_the_name_of_what_they_lead_to(repo: Repository) -> None:
    wrong = {"reference": "Patient/homer", "display": "Somebody else"}
    assert post(repo, a_message(recipient=[wrong]))["recipient"] == [{**wrong, "display": "Homer Simpson"}]


# Practices


def test_two_practices_hold_the_same_id_and_neither_can_tell(practice: Practice) -> None:
    here = back_end("store", practice)
    there = back_end("store", fhir.create_practice("shelbyville", "Shelbyville"))
    mine, theirs = put(here, {**PATIENT, "id": "ned"}), put(there, {**PATIENT, "id": "ned", "active": True})
    put(there, {**theirs, "gender": "male"})
    assert here.read("Patient", "ned") == mine
    assert [one["meta"]["versionId"] for one in here.history("Patient", "ned")] == ["1"]
    assert [one["id"] for one in here.search("Patient", [("name", "flanders")]).resources] == ["ned"]
    there.delete("Patient", "ned")
    assert here.read("Patient", "ned") == mine


def _reads(there: Repository) -> list[Callable[[], object]]:
    return [
        lambda: there.read("Patient", "homer"),
        lambda: there.vread("Patient", "homer", "1"),
        lambda: there.delete("Patient", "homer"),
        lambda: there.history("Patient", "homer"),
        lambda: there.create(a_message()),
    ]


def test_another_practice_s_resources_do_not_exist_here(practice: Practice) -> None:
    there = back_end("store", fhir.create_practice("shelbyville", "Shelbyville"))
    for attempt in _reads(there):
        with pytest.raises((outcome.NotFound, outcome.UnknownReference)):
            attempt()
    assert there.search("Patient", []).resources == []
    assert there.search("Patient", [("_total", "accurate"), ("_count", "0")]).total == 0
