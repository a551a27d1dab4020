"""One resource over HTTP: what is stored is what comes back, with the headers that tell its version."""

import json
from typing import Any

import pytest

from tests.api.conftest import Api, Connect, outcome_of, refused

pytestmark = pytest.mark.django_db(databases="__all__")

PATIENT = {"resourceType": "Patient", "active": True, "name": [{"family": "Simpson", "given": ["Lisa"]}]}


def made(api: Api, **more: Any) -> dict[str, Any]:
    answer = api.post("/Patient", {**PATIENT, **more})
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = json.loads(answer.content)
    return found


def test_what_is_created_is_read_back_with_its_version_and_place(machine: Api) -> None:
    answer = machine.post("/Patient", PATIENT)
    created = json.loads(answer.content)
    assert answer.status_code == 201
    assert answer["Location"].endswith(f"/fhir/R4/Patient/{created['id']}/_history/1")
    assert answer["ETag"] == 'W/"1"'
    assert answer["Last-Modified"]
    assert answer["Content-Type"].startswith("application/fhir+json")
    read = machine.get(f"/Patient/{created['id']}")
    assert (read.status_code, read["ETag"], json.loads(read.content)) == (200, 'W/"1"', created)


def test_an_update_makes_a_version_and_the_same_again_makes_none(machine: Api) -> None:
    patient = made(machine)
    place = f"/Patient/{patient['id']}"
    answer = machine.put(place, {**patient, "active": False}, If_Match='W/"1"')
    assert (answer.status_code, answer["ETag"]) == (200, 'W/"2"')
    again = machine.put(place, json.loads(answer.content))
    assert (again.status_code, again["ETag"]) == (200, 'W/"2"')
    refused(machine.put(place, {**patient, "gender": "female"}, If_Match='W/"1"'), 412, "precondition-failed")
    assert json.loads(machine.get(place).content)["active"] is False


def test_a_patch_changes_what_it_names_and_answers_the_whole_resource(machine: Api) -> None:
    patient = made(machine)
    place = f"/Patient/{patient['id']}"
    answer = machine.patch(place, [{"op": "add", "path": "/gender", "value": "female"}])
    assert answer.status_code == 200
    assert json.loads(answer.content) | {"meta": 0} == patient | {"meta": 0, "gender": "female"}
    refused(machine.patch(place, [{"op": "test", "path": "/gender", "value": "male"}]), 400, "invalid")
    refused(machine.patch(place, {"gender": "male"}), 400, "invalid")
    refused(machine.patch(place, {**patient}, kind="application/fhir+json"), 415, "unsupported-media-type")
    assert json.loads(machine.get(place).content)["meta"]["versionId"] == "2"


def test_versions_are_read_one_by_one_and_as_a_history(machine: Api) -> None:
    patient = made(machine)
    place = f"/Patient/{patient['id']}"
    machine.put(place, {**patient, "active": False})
    machine.delete(place)
    history = json.loads(machine.get(f"{place}/_history").content)
    assert (history["type"], history["total"]) == ("history", 3)
    assert [one["request"]["method"] for one in history["entry"]] == ["DELETE", "PUT", "POST"]
    assert "resource" not in history["entry"][0]
    first = machine.get(f"{place}/_history/1")
    assert (first["ETag"], json.loads(first.content)) == ('W/"1"', patient)
    refused(machine.get(f"{place}/_history/3"), 410, "gone")
    refused(machine.get(f"{place}/_history/9"), 404, "not-found")
    refused(machine.get(f"{place}/_history/first"), 404, "not-found")


def test_what_is_deleted_is_gone_and_deleting_it_again_is_no_error(machine: Api) -> None:
    place = f"/Patient/{made(machine)['id']}"
    for _ in range(2):
        answer = machine.delete(place)
        assert (answer.status_code, outcome_of(answer)["id"]) == (200, "ok")
    refused(machine.get(place), 410, "gone")
    refused(machine.delete("/Patient/never-was"), 404, "not-found")


def test_what_the_reader_has_already_is_not_sent_again(machine: Api) -> None:
    patient = made(machine)
    place = f"/Patient/{patient['id']}"
    same = machine.get(place, If_None_Match='W/"1"')
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", 'W/"1"')
    assert machine.get(place, If_None_Match='W/"7"').status_code == 200
    modified = machine.get(place)["Last-Modified"]
    assert machine.get(place, If_Modified_Since=modified).status_code == 304
    assert machine.get(place, If_Modified_Since="Thu, 01 Jan 2015 00:00:00 GMT").status_code == 200


def test_the_writer_chooses_how_much_of_a_write_comes_back(machine: Api) -> None:
    minimal = machine.post("/Patient", PATIENT, Prefer="return=minimal")
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert minimal["Location"]
    told = machine.post("/Patient", PATIENT, Prefer="return=OperationOutcome")
    assert (told.status_code, outcome_of(told)["id"]) == (201, "created")


def test_a_conditional_create_makes_one_and_then_finds_it(machine: Api) -> None:
    body = {**PATIENT, "identifier": [{"system": "urn:example:mrn", "value": "7|7"}]}
    condition = "identifier=urn:example:mrn|7\\|7"
    first = machine.post("/Patient", body, If_None_Exist=condition)
    second = machine.post("/Patient", body, If_None_Exist=condition)
    assert (first.status_code, second.status_code) == (201, 200)
    assert json.loads(first.content) == json.loads(second.content)
    made(machine, identifier=body["identifier"])
    refused(machine.post("/Patient", body, If_None_Exist=condition), 412, "multiple-matches")
    refused(machine.post("/Patient", body, If_None_Exist="colour=red"), 400, "invalid", "colour")


def test_a_conditional_update_creates_changes_and_refuses_a_choice(machine: Api) -> None:
    body = {**PATIENT, "identifier": [{"system": "urn:example:mrn", "value": "8"}]}
    first = machine.put("/Patient?identifier=urn:example:mrn%7C8", body)
    assert first.status_code == 201
    second = machine.put("/Patient?identifier=urn:example:mrn%7C8", {**body, "gender": "female"})
    assert (second.status_code, json.loads(second.content)["id"]) == (200, json.loads(first.content)["id"])
    made(machine, identifier=body["identifier"])
    refused(machine.put("/Patient?identifier=urn:example:mrn%7C8", body), 412, "multiple-matches")
    refused(machine.delete("/Patient?identifier=urn:example:mrn%7C8"), 412, "multiple-matches")


def test_a_condition_that_names_nothing_is_refused(machine: Api) -> None:
    patient = made(machine)
    for answer in (machine.put("/Patient", PATIENT), machine.delete("/Patient"), machine.delete("/Patient?_count=1")):
        refused(answer, 400, "invalid")
    assert machine.get(f"/Patient/{patient['id']}").status_code == 200


def test_a_conditional_delete_and_patch_take_the_one_that_matches(machine: Api) -> None:
    patient = made(machine, identifier=[{"system": "urn:example:mrn", "value": "9"}])
    where = "/Patient?identifier=urn:example:mrn%7C9"
    assert machine.patch(where, [{"op": "replace", "path": "/active", "value": False}]).status_code == 200
    assert machine.delete(where).status_code == 200
    refused(machine.get(f"/Patient/{patient['id']}"), 410, "gone")
    assert machine.delete(where).status_code == 200


@pytest.mark.parametrize("path", ["/Patient/alone", "/Patient/alone/_history", "/Patient/alone/_history/1"])
def test_a_filter_on_what_takes_none_is_refused(machine: Api, path: str) -> None:
    refused(machine.get(f"{path}?name=Simpson"), 400, "invalid", "name")


def test_nobody_without_a_token_learns_anything(nobody: Api) -> None:
    for path in ("/Patient", "/Patient/homer", "/Patient/never-was", "/Colour", "/$graphql", "/Patient/homer/_history"):
        answer = nobody.get(path)
        assert refused(answer, 401, "unauthorized") == refused(nobody.get("/Patient/homer"), 401, "unauthorized")
        assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_stranger_meets_the_same_answer_for_hidden_and_for_never_used(connect: Connect, machine: Api) -> None:
    thread = {
        "resourceType": "Communication",
        "status": "in-progress",
        "recipient": [{"reference": "Practitioner/bob"}],
    }
    hidden = json.loads(machine.post("/Communication", thread).content)["id"]
    charlie = connect("Practitioner/charlie", "clinician")
    for ask in ("", "/_history", "/_history/1"):
        one = charlie.get(f"/Communication/{hidden}{ask}")
        other = charlie.get(f"/Communication/never-was{ask}")
        assert (one.status_code, one.content) == (other.status_code, other.content)
        assert one.status_code == 404
    one, other = charlie.delete(f"/Communication/{hidden}"), charlie.delete("/Communication/never-was")
    assert (one.status_code, one.content) == (other.status_code, other.content)


def test_ac38_the_history_of_a_type_is_the_auditors_and_has_no_word_of_content(connect: Connect, machine: Api) -> None:
    thread = {"resourceType": "Communication", "status": "in-progress", "topic": {"text": "Secret marker"}}
    made_ids = [json.loads(machine.post("/Communication", thread).content)["id"] for _ in range(3)]
    machine.delete(f"/Communication/{made_ids[0]}")
    for who in (machine, connect("Practitioner/alice", "clinician"), connect("Practitioner/sam", "supervisor")):
        refused(who.get("/Communication/_history"), 403, "forbidden")
    auditor = connect("Practitioner/sam", "auditor")
    path, seen = "/Communication/_history?_count=3", []
    while path:
        answer = auditor.get(path)
        assert answer.status_code == 200
        assert b"Secret marker" not in answer.content
        bundle = json.loads(answer.content)
        seen += [(one["request"]["method"], one["fullUrl"].rpartition("/")[2]) for one in bundle["entry"]]
        following = [one["url"] for one in bundle["link"] if one["relation"] == "next"]
        path = following[0].partition("/fhir/R4")[2] if following else ""
    assert seen == [("DELETE", made_ids[0]), *(("POST", id) for id in reversed(made_ids))]
    refused(auditor.get("/Patient/_history"), 403, "forbidden")


def test_a_resource_that_holds_nothing_is_no_deletion(machine: Api) -> None:
    created = json.loads(machine.post("/Patient", {"resourceType": "Patient"}).content)
    place = f"/Patient/{created['id']}"
    assert [one["request"]["method"] for one in json.loads(machine.get(f"{place}/_history").content)["entry"]] == [
        "POST"
    ]
    assert machine.get(f"{place}/_history/1").status_code == 200
    machine.delete(place)
    refused(machine.get(f"{place}/_history/2"), 410, "gone")
