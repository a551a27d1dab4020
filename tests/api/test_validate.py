"""`$validate`: every problem of a resource, and nothing about what is stored."""

from typing import Any

import pytest

from inbox.fhir.guard import Guarded
from inbox.models import Resource
from tests import clinic
from tests.api.conftest import Api, Connect, outcome_of, refused

pytestmark = pytest.mark.django_db(databases="__all__")

PATIENT: dict[str, Any] = {"resourceType": "Patient", "active": True, "name": [{"family": "Simpson"}]}
WRONG = {**PATIENT, "active": "yes", "gender": "maybe", "birthDate": "1980-02-30", "colour": "yellow"}


def issues(api: Api, path: str, body: Any, **headers: str) -> list[dict[str, Any]]:
    answer = api.post(path, body, **headers)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = outcome_of(answer)["issue"]
    return found


def parameters(resource: Any, **more: str) -> dict[str, Any]:
    options = [{"name": name, f"value{'Code' if name == 'mode' else 'Uri'}": value} for name, value in more.items()]
    return {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": resource}, *options]}


@pytest.mark.parametrize("path", ["/Patient/$validate", "/Patient/homer/$validate", "/Patient/none/$validate"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_valid_resource_is_said_to_be_so_and_is_not_stored(machine: Api, path: str, wrapped: bool) -> None:
    before = Resource.objects.count()
    answer = machine.post(path, parameters(PATIENT) if wrapped else PATIENT)
    assert (answer.status_code, outcome_of(answer)["id"]) == (200, "ok")
    assert outcome_of(answer)["issue"][0]["severity"] == "information"
    assert Resource.objects.count() == before


@pytest.mark.parametrize("wrapped", [False, True])
def test_every_problem_is_an_issue_that_names_its_element(machine: Api, wrapped: bool) -> None:
    found = issues(machine, "/Patient/$validate", parameters(WRONG) if wrapped else WRONG)
    assert {one["expression"][0] for one in found} == {
        "Patient.active",
        "Patient.gender",
        "Patient.birthDate",
        "Patient.colour",
    }
    assert {one["severity"] for one in found} == {"error"}


def test_more_problems_than_are_listed_are_said_to_be_more(machine: Api) -> None:
    many = {**PATIENT, "name": [{"use": "none"}] * 300}
    found = issues(machine, "/Patient/$validate", many)
    assert len(found) == 101
    assert (found[-1]["severity"], found[-1]["code"]) == ("warning", "incomplete")


def test_rules_of_messaging_count_too(machine: Api) -> None:
    note = {
        "resourceType": "Communication",
        "status": "in-progress",
        "category": [{"coding": [{"code": "internal"}]}],
        "recipient": [{"reference": "Patient/homer"}],
    }
    found = issues(machine, "/Communication/$validate", note)
    assert [(one["code"], one["expression"]) for one in found] == [("business-rule", ["Communication.recipient"])]
    assert issues(machine, "/Communication/$validate", {**note, "recipient": [{"reference": "Practitioner/bob"}]}) == [
        {"severity": "information", "code": "informational", "details": {"text": "This is valid."}}
    ]


@pytest.mark.parametrize("who", ["charlie", "homer"])
def test_what_is_hidden_is_not_told_from_what_never_was(connect: Connect, alice: Guarded, who: str) -> None:
    """An answer to a note may not go to patients, but whether something is a note is not for everybody."""
    thread = clinic.start(alice, "Practitioner/bob")
    api = connect("Patient/homer", "patient") if who == "homer" else connect("Practitioner/charlie", "clinician")
    answers = set()
    for id in (thread, "none"):
        message = {
            "resourceType": "Communication",
            "status": "in-progress",
            "partOf": [{"reference": f"Communication/{id}"}],
            "inResponseTo": [{"reference": f"Communication/{id}"}],
            "recipient": [{"reference": "Patient/homer"}],
            "payload": [{"contentAttachment": {"url": f"Binary/{id}"}}],
        }
        for path in ("/Communication/$validate", f"/Communication/{id}/$validate"):
            answers.add(api.post(path, message).content)
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "id"),
    [
        ("/Patient/$validate", {"resourceType": "Practitioner"}, 400, "invalid"),
        ("/Patient/$validate", [], 400, "invalid"),
        ("/Patient/$validate", b"{", 400, "invalid"),
        ("/Patient/$validate", {"resourceType": "Parameters"}, 400, "invalid"),
        ("/Patient/$validate", {"resourceType": "Parameters", "parameter": "x"}, 400, "invalid"),
        ("/Patient/$validate", parameters({"resourceType": "Practitioner"}), 400, "invalid"),
        ("/Patient/$validate", parameters(PATIENT, mode="delete"), 400, "invalid"),
        ("/Patient/$validate", parameters(PATIENT, nonsense="x"), 400, "invalid"),
        ("/Patient/$validate?nonsense=x", PATIENT, 400, "invalid"),
        ("/Patient/homer/$validate", {**PATIENT, "id": "other"}, 400, "invalid"),
        ("/Nonsense/$validate", PATIENT, 404, "not-found"),
    ],
)
def test_what_can_not_be_validated_is_refused(machine: Api, path: str, body: Any, status: int, id: str) -> None:
    refused(machine.post(path, body), status, id)


def test_a_profile_that_is_not_known_is_not_passed(machine: Api) -> None:
    known = "http://hl7.org/fhir/StructureDefinition/Patient"
    assert issues(machine, f"/Patient/$validate?profile={known}", PATIENT)[0]["severity"] == "information"
    for body, query in ((parameters(PATIENT, profile="https://a.example/x"), ""), (PATIENT, "?profile=x")):
        found = issues(machine, f"/Patient/$validate{query}", body)
        assert [(one["severity"], one["code"]) for one in found] == [("error", "not-supported")]


def test_it_is_for_those_who_have_a_token(nobody: Api) -> None:
    refused(nobody.post("/Patient/$validate", PATIENT), 401, "unauthorized")
