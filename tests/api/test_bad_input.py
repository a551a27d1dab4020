"""What must not be stored is refused with its reason, whatever it was meant to break."""

import json
from typing import Any

import pytest

from inbox.fhir.store import Store
from inbox.models import Resource
from tests.api.conftest import Api, outcome_of, refused

pytestmark = pytest.mark.django_db(databases="__all__")

PATIENT = {"resourceType": "Patient", "name": [{"family": "Simpson"}]}


def nested(levels: int) -> bytes:
    opening = b'{"resourceType":"Patient","extension":' + b'[{"url":"urn:x","extension":' * levels
    return opening + b"[]" + b"}]" * levels + b"}"


BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not a FHIR resource"),
    "half an object": (b'{"resourceType": "Patient"', "not JSON"),
    "a list": (b"[]", "not a FHIR resource"),
    "a text": (b'"Patient"', "not a FHIR resource"),
    "latin-1": ('{"resourceType":"Patient","language":"é"}'.encode("latin-1"), "not UTF-8"),
    "a name twice": (b'{"resourceType":"Patient","active":true,"active":false}', "given twice"),
    "not a number": (b'{"resourceType":"Patient","multipleBirthInteger":NaN}', "NaN"),
    "a number without end": (b'{"resourceType":"Patient","multipleBirthInteger":' + b"1" * 5000 + b"}", "too long"),
    "deep": (nested(100), "levels deep"),
    "very deep": (nested(50_000), "levels deep"),
    "another type": (b'{"resourceType":"Observation"}', "takes a Patient"),
    "an unknown type": (b'{"resourceType":"Colour"}', "takes a Patient"),
    "a type that is no text": (b'{"resourceType":["Patient"]}', "not a FHIR resource"),
    "an unknown element": (b'{"resourceType":"Patient","colour":"red"}', "There is no element"),
    "NUL": (b'{"resourceType":"Patient","language":"a\\u0000b"}', ""),
    "half a character": (b'{"resourceType":"Patient","language":"\\ud800"}', ""),
    "a day that is none": (b'{"resourceType":"Patient","birthDate":"2026-02-30"}', ""),
    "a boolean in words": (b'{"resourceType":"Patient","active":"yes"}', ""),
}


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_no_resource_is_refused_and_nothing_is_stored(machine: Api, system: Store, body: str) -> None:
    before = Resource.objects.count()
    content, text = BODIES[body]
    assert text in refused(machine.post("/Patient", content), 400, "invalid")
    assert Resource.objects.count() == before


@pytest.mark.parametrize("kind", ["application/fhir+xml", "text/plain", "multipart/form-data", "application/x-ndjson"])
def test_only_json_is_taken(machine: Api, kind: str) -> None:
    refused(machine.post("/Patient", PATIENT, kind=kind), 415, "unsupported-media-type")


def test_a_body_over_the_limit_is_refused_before_it_is_read_whole(machine: Api) -> None:
    body = {**PATIENT, "text": {"status": "generated", "div": "x" * 10_000_000}}
    refused(machine.post("/Patient", body), 413, "content-too-large")


def test_the_id_in_the_body_must_be_the_one_in_the_address(machine: Api) -> None:
    refused(machine.put("/Patient/homer", {**PATIENT, "id": "marge"}), 400, "invalid", "Patient.id")
    refused(machine.put("/Patient/homer", PATIENT), 400, "invalid", "Patient.id")


@pytest.mark.parametrize(
    "path",
    ["/Colour", "/Colour/1", "/patient/1", "/Patient/1/", "/Patient/", "/", "/$graphql", "/Patient/1/2/3",
     "/Patient/a_b", "/Patient/" + "a" * 65, "/Patient/..%2f..%2fadmin", "/%00", "/Patient/$everything"],
)  # fmt: skip
def test_an_address_that_is_none_is_not_found_and_nothing_redirects(machine: Api, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        refused(machine.ask(method, path, PATIENT), 404, "not-found")


def test_a_method_that_an_address_does_not_have_is_said(machine: Api) -> None:
    refused(machine.post("/Patient/homer", PATIENT), 405, "method-not-allowed")
    refused(machine.get(""), 405, "method-not-allowed")
    refused(machine.put("", PATIENT), 405, "method-not-allowed")


def test_who_accepts_xml_alone_is_told_that_there_is_none(machine: Api) -> None:
    refused(machine.get("/Patient/homer", Accept="application/fhir+xml"), 406, "not-acceptable")
    refused(machine.get("/Patient/homer?_format=xml"), 406, "not-acceptable")
    assert machine.get("/Patient/homer", Accept="application/fhir+json, */*; q=0.1").status_code == 200
    assert machine.get("/Patient/homer?_format=json").status_code == 200


@pytest.mark.parametrize(
    ("query", "expression"),
    [
        ("colour=red", "colour"),
        ("name:colour=red", "name:colour"),
        ("birthdate=yesterday", "birthdate"),
        ("_count=1000000000", "_count"),
        ("_count=-1", "_count"),
        ("_sort=body;drop table", "_sort"),
        ("_sort=-name'--", "_sort"),
        ("_include=*", "_include"),
        ("_include=Patient:colour", "_include"),
        ("_cursor=eyJ", "_cursor"),
        ("_offset=100000", "_offset"),
        ("name=%ff", ""),
        ("name=a%00b", "name"),
        ("identifier=", "identifier"),
        ("organization.partof.name=x", ""),
        ("_has:Observation:subject:_has:Task:focus:code=1", ""),
        ("_total=maybe", "_total"),
        ("_summary=maybe", "_summary"),
    ],
)
def test_a_search_that_is_not_understood_is_refused_by_name(machine: Api, query: str, expression: str) -> None:
    refused(machine.get(f"/Patient?{query}"), 400, "invalid", expression)


def test_a_lenient_search_says_what_it_ignored(machine: Api) -> None:
    answer = json.loads(machine.get("/Patient?colour=red&_id=homer", Prefer="handling=lenient").content)
    modes = [one["search"]["mode"] for one in answer["entry"]]
    assert modes == ["match", "outcome"]
    assert "colour" in answer["entry"][1]["resource"]["issue"][0]["details"]["text"]
    refused(machine.get("/Patient?colour=red&_id=homer", Prefer="handling=strict"), 400, "invalid", "colour")


def bundle(*entries: dict[str, Any], type: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": type, "entry": list(entries)}


def test_a_transaction_of_500_with_one_bad_reference_at_the_end_stores_nothing(machine: Api) -> None:
    before = Resource.objects.count()
    entries: list[dict[str, Any]] = [
        {"resource": {**PATIENT, "active": number % 2 == 0}, "request": {"method": "POST", "url": "Patient"}}
        for number in range(499)
    ]
    bad = {**PATIENT, "managingOrganization": {"reference": "Organization/nowhere"}}
    entries.append({"resource": bad, "request": {"method": "POST", "url": "Patient"}})
    found = outcome_of(machine.post("", bundle(*entries)))
    assert "Bundle.entry[499]" in found["issue"][0]["expression"][0]
    assert Resource.objects.count() == before


def test_too_many_entries_are_refused_before_any_is_looked_at(machine: Api) -> None:
    entry = {"resource": PATIENT, "request": {"method": "POST", "url": "Patient"}}
    refused(machine.post("", bundle(*[entry] * 5000)), 413, "content-too-large")


@pytest.mark.parametrize(
    "url",
    ["/admin", "http://example.org/Patient", "//example.org/Patient", "../Patient", "Patient/../Task", "", "$graphql"],
)
def test_a_bundle_reaches_no_address_but_those_of_resources(machine: Api, url: str) -> None:
    entry = {"resource": PATIENT, "request": {"method": "POST", "url": url}}
    before = Resource.objects.count()
    refused(machine.post("", bundle(entry)), 400, "invalid")
    answer = json.loads(machine.post("", bundle(entry, type="batch")).content)
    assert answer["entry"][0]["response"]["status"].startswith("400")
    assert Resource.objects.count() == before


def test_only_batch_and_transaction_are_carried_out(machine: Api) -> None:
    for type in ("collection", "searchset", "document"):
        refused(machine.post("", bundle(type=type)), 400, "invalid", "Bundle.type")
    refused(machine.post("", PATIENT), 400, "invalid", "resourceType")


def test_references_that_go_round_in_a_bundle_are_stored_as_a_circle(machine: Api) -> None:
    link = [{"type": "seealso", "other": {"reference": "urn:uuid:b"}}]
    one = {
        "fullUrl": "urn:uuid:a",
        "resource": {**PATIENT, "link": link},
        "request": {"method": "POST", "url": "Patient"},
    }
    back = [{"type": "seealso", "other": {"reference": "urn:uuid:a"}}]
    two = {
        "fullUrl": "urn:uuid:b",
        "resource": {**PATIENT, "link": back},
        "request": {"method": "POST", "url": "Patient"},
    }
    answer = json.loads(machine.post("", bundle(one, two)).content)
    ids = [entry["resource"]["id"] for entry in answer["entry"]]
    assert answer["entry"][0]["resource"]["link"][0]["other"]["reference"] == f"Patient/{ids[1]}"
    assert answer["entry"][1]["resource"]["link"][0]["other"]["reference"] == f"Patient/{ids[0]}"


def test_the_part_of_the_address_before_the_base_redirects_nowhere(machine: Api) -> None:
    for path in ("/fhir", "/fhir/", "/fhir/R5/Patient"):
        answer = machine.client.get(path, headers={"Authorization": f"Bearer {machine.token}"})
        refused(answer, 404, "not-found")


@pytest.mark.parametrize("tag", ['W/"1', '"', "W/", '1"', "W/''x y"])
def test_a_version_that_is_written_wrong_is_not_taken_for_one(machine: Api, tag: str) -> None:
    patient = json.loads(machine.get("/Patient/homer").content)
    refused(machine.put("/Patient/homer", {**patient, "gender": "male"}, If_Match=tag), 400, "invalid", "If-Match")
    assert machine.put("/Patient/homer", {**patient, "gender": "male"}, If_Match="1").status_code == 200


def test_a_condition_about_no_type_is_an_unknown_reference(machine: Api) -> None:
    link = [{"reference": "Nope?x=1"}]
    refused(machine.post("/Patient", {**PATIENT, "generalPractitioner": link}), 400, "invalid")
