"""Requests that random asking (`tests/fuzz`) found to be answered wrongly once."""

import itertools
import json
from typing import Any

import pytest

from tests.api.conftest import BASE, Api, Connect, refused

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

MESSAGE = {
    "resourceType": "Communication",
    "status": "in-progress",
    "sender": {"reference": "Practitioner/alice"},
    "recipient": [{"reference": "Patient/homer"}],
}
ELEMENTS = ("partOf", "sender", "recipient", "category", "payload", "inResponseTo", "extension")
WRONG: list[Any] = [[], [[]], "x", 1, None, {}, [None], [{"reference": 1}], [{"reference": ["Communication/x"]}]]


def test_a_search_by_an_empty_form_is_a_search(machine: Api) -> None:
    form = "application/x-www-form-urlencoded"
    answer = machine.post("/Patient/_search", b"", kind=form)
    assert (answer.status_code, json.loads(answer.content)["type"]) == (200, "searchset")


def test_a_name_may_have_a_part_that_is_nothing_but_an_extension(machine: Api) -> None:
    given = [{"family": "Simpson", "given": ["Lisa", None], "_given": [None, {"id": "a"}]}]
    answer = machine.post("/Patient", {"resourceType": "Patient", "name": given})
    assert answer.status_code == 201
    created = json.loads(answer.content)
    about = {**MESSAGE, "subject": {"reference": f"Patient/{created['id']}"}}
    assert json.loads(machine.post("/Communication", about).content)["subject"]["display"] == "Lisa Simpson"


def test_people_who_are_known_by_an_identifier_alone_may_have_a_name_or_none(machine: Api) -> None:
    def who(number: str, **more: str) -> dict[str, Any]:
        return {"role": [{"text": "x"}], "member": {"identifier": {"value": number}, **more}}

    team = {"resourceType": "CareTeam", "participant": [who("1", display="Abe"), who("2")]}
    created = json.loads(machine.post("/CareTeam", team).content)
    answer = machine.put(f"/CareTeam/{created['id']}", {**created, "name": "Homer's"})
    assert (answer.status_code, json.loads(answer.content)["participant"]) == (200, created["participant"])


@pytest.mark.parametrize("policy", ["integration", "clinician", "client", "supervisor"])
def test_an_element_of_the_wrong_shape_is_refused_whatever_policy_looks_at_it(connect: Connect, policy: str) -> None:
    api = connect("Practitioner/alice", policy)
    answer = {**MESSAGE, "payload": [{"contentString": "x"}], "partOf": [{"reference": "urn:uuid:a"}]}
    post = {"method": "POST", "url": "Communication"}
    for element, wrong in itertools.product(ELEMENTS, WRONG):
        odd = {**MESSAGE, element: wrong}
        entries = [{"request": post, "resource": answer}, {"fullUrl": "urn:uuid:a", "request": post, "resource": odd}]
        for found in (
            api.post("/Communication", odd),
            api.put("/Communication/new", {**odd, "id": "new"}),
            api.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries}),
        ):
            assert found.status_code in (400, 403, 404), (element, wrong, found.content)


@pytest.mark.parametrize("id", ["%00", "x%00", "%ED%A0%80", "%FF", "a%20b", "x" * 65])
def test_an_id_that_can_be_none_is_not_found(machine: Api, id: str) -> None:
    for type in ("Subscription", "Patient"):
        for rest in ("", "/_history", "/_history/1", "/$get-ws-binding-token"):
            refused(machine.get(f"/{type}/{id}{rest}"), 404, "not-found")
    refused(machine.get(f"/Schedule/{id}/$find?start=2026&end=2027"), 404, "not-found")


@pytest.mark.parametrize("text", ["\0", "\ud800", "x\0"])
def test_a_reference_that_no_database_takes_is_refused(connect: Connect, text: str) -> None:
    for policy in ("integration", "clinician"):
        api = connect("Practitioner/alice", policy)
        for element in ("partOf", "inResponseTo", "recipient"):
            odd = {**MESSAGE, element: [{"reference": f"Communication/{text}"}]}
            refused(api.post("/Communication", odd), 400, "invalid")


@pytest.mark.parametrize("text", ["\0", "\ud800", "_id=\0", "_id=x\0"])
def test_a_condition_that_no_database_takes_is_refused(machine: Api, text: str) -> None:
    request = {"method": "POST", "url": "Patient", "ifNoneExist": text}
    entry = {"request": request, "resource": {"resourceType": "Patient"}}
    refused(machine.post("", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}), 400, "invalid")


def test_options_tell_nothing_about_our_code(machine: Api) -> None:
    answer = machine.ask("OPTIONS", "/Patient", None)
    refused(answer, 405, "method-not-allowed")
    assert "GET" in answer["Allow"]
    assert BASE not in answer.content.decode()
