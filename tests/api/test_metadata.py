"""The CapabilityStatement: open to anybody, cached, and true to what the server does."""

import json
from typing import Any

import pytest

from inbox.api import metadata
from inbox.fhir import outcome, r4data, search, searchparams, validate
from tests.api.conftest import Api, outcome_of

pytestmark = pytest.mark.django_db(databases="__all__")

VALUES = {"reference": "Patient/1", "token": "true", "string": "x", "uri": "https://a.example", "date": "2026"}
MODIFIED = {"payload": ("payload:missing", "true")}
"""What can be searched by with a modifier only."""


def stated() -> dict[str, Any]:
    """The one `rest` of the statement."""
    found: dict[str, Any] = metadata.statement()["rest"][0]
    return found


def resources() -> dict[str, dict[str, Any]]:
    return {one["type"]: one for one in stated()["resource"]}


def accepted(type: str, code: str, kind: str) -> bool:
    try:
        search.parse(type, [MODIFIED.get(code, (code, VALUES.get(kind, "1")))])
    except outcome.Invalid:
        return False
    return True


def test_anybody_may_read_it_and_ask_whether_it_changed(nobody: Api) -> None:
    answer = nobody.get("/metadata")
    assert answer.status_code == 200
    assert json.loads(answer.content) == metadata.statement()
    assert answer["Cache-Control"] == "public, max-age=300"
    again = nobody.get("/metadata?mode=full", If_None_Match=answer["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", answer["ETag"])
    assert nobody.get("/metadata", If_None_Match='W/"other"').status_code == 200
    assert nobody.get("/metadata", Authorization="Bearer nonsense").status_code == 200


@pytest.mark.parametrize("query", ["mode=terminology", "type=Patient"])
def test_what_it_can_not_tell_is_refused(nobody: Api, query: str) -> None:
    answer = nobody.get(f"/metadata?{query}")
    assert answer.status_code == 400
    assert outcome_of(answer)["issue"][0]["expression"] == [query.partition("=")[0]]


def test_it_is_a_valid_resource() -> None:
    assert validate.problems(metadata.statement()) == []


@pytest.mark.parametrize("type", sorted(r4data.RESOURCE_TYPES - {"Binary"}))
def test_each_parameter_that_is_listed_is_taken_and_no_other(type: str) -> None:
    listed = {one["name"]: one["type"] for one in resources()[type]["searchParam"]}
    for one in searchparams.parameters(type):
        assert accepted(type, one.code, one.type) == (one.code in listed), one.code
    assert listed.items() <= {(one.code, one.type) for one in searchparams.parameters(type)}


@pytest.mark.parametrize("type", sorted(r4data.RESOURCE_TYPES - {"Binary"}))
def test_each_include_that_is_listed_is_taken(type: str) -> None:
    found = resources()[type]
    for name in ("searchInclude", "searchRevInclude"):
        for value in found.get(name, []):
            search.parse(type, [("_include" if name == "searchInclude" else "_revinclude", value)])


def test_the_definitions_are_those_of_the_specification() -> None:
    found = {
        one["name"]: one["definition"] for one in resources()["Communication"]["searchParam"] if "definition" in one
    }
    assert found["part-of"] == "http://hl7.org/fhir/SearchParameter/Communication-part-of"
    assert found["_id"] == "http://hl7.org/fhir/SearchParameter/Resource-id"
    assert set(resources()["Communication"]["searchRevInclude"]) >= {"Task:focus", "Communication:part-of"}


REQUESTS = {
    "read": ("GET", "/{type}/none"),
    "vread": ("GET", "/{type}/none/_history/1"),
    "update": ("PUT", "/{type}/none"),
    "patch": ("PATCH", "/{type}/none"),
    "delete": ("DELETE", "/{type}/none"),
    "history-instance": ("GET", "/{type}/none/_history"),
    "create": ("POST", "/{type}"),
    "search-type": ("GET", "/{type}"),
}


@pytest.mark.parametrize("type", ["Binary", "Communication", "Subscription", "Task"])
def test_each_interaction_and_operation_that_is_listed_has_an_address(machine: Api, type: str) -> None:
    found = resources()[type]
    asked = [REQUESTS[one["code"]] for one in found["interaction"]]
    for method, path in asked:
        kind = "application/json-patch+json" if method == "PATCH" else "application/fhir+json"
        answer = machine.ask(method, path.format(type=type), None if method in ("GET", "DELETE") else {}, kind=kind)
        assert answer.status_code not in (405, 500, 501), (method, path, answer.content)
    assert machine.ask("PUT", f"/{type}/none/_history/1", {}).status_code == 405


def test_each_operation_that_is_listed_has_an_address_and_no_other(machine: Api) -> None:
    for type in ("Patient", "Schedule", "Subscription"):
        listed = {one["name"] for one in resources()[type]["operation"]}
        assert "validate" in listed
        for name in sorted({*listed, "find", "get-ws-binding-token", "everything"}):
            answers = [machine.ask(method, f"/{type}/none/${name}", {}) for method in ("GET", "POST")]
            texts = [outcome_of(one)["issue"][0]["details"]["text"] for one in answers]
            assert (name in listed) == any("nothing at this address" not in one for one in texts), (type, name, texts)


def test_who_may_read_a_whole_type_may_choose_ids_but_never_those_of_files(machine: Api) -> None:
    found = {type: one["updateCreate"] for type, one in resources().items() if type in ("Basic", "Binary")}
    assert found == {"Basic": True, "Binary": False}
    basic = {"resourceType": "Basic", "id": "mine", "code": {"text": "a note"}}
    assert machine.put("/Basic/mine", basic).status_code == 201
    file = {"resourceType": "Binary", "id": "mine", "contentType": "text/plain", "data": "aGk="}
    assert machine.put("/Binary/mine", file).status_code == 404


def test_where_to_log_in_is_where_one_logs_in(nobody: Api) -> None:
    found = {one["url"]: one["valueUri"] for one in stated()["security"]["extension"][0]["extension"]}
    for address in found.values():
        path = "/" + address.split("/", 3)[3]
        assert nobody.client.get(path).status_code != 404, path
    assert set(found) >= {"token", "authorize"}


def test_the_version_is_that_of_the_project() -> None:
    assert metadata.statement()["software"]["version"] == metadata.version()
    assert metadata.version()[0].isdigit()
