"""Batch Bundles: each entry by itself, each with its own answer."""

import base64
import json
from typing import Any

import pytest

from inbox.fhir import outcome
from inbox.fhir.repository import Repository
from inbox.fhir.types import Bundle, Resource
from tests.fhir.test_transactions import delete, get, patch, patient, post, put

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]


def batch(*entries: Any) -> Bundle:
    return {"resourceType": "Bundle", "type": "batch", "entry": list(entries)}


def statuses(answer: Bundle) -> list[str]:
    return [one["response"]["status"] for one in answer["entry"]]


def test_each_entry_is_answered_in_its_place(repo: Repository) -> None:
    answer = repo.batch(
        batch(
            post({"resourceType": "Patient", "active": True}),
            get("Patient/homer"),
            get("/Patient/homer"),
            get("Patient/nobody"),
            post({"resourceType": "Patient", "active": "yes"}),
            get("Patient?_id=homer"),
        )
    )
    assert answer["type"] == "batch-response"
    assert [status[:3] for status in statuses(answer)] == ["201", "200", "200", "404", "400", "200"]
    assert answer["entry"][1]["resource"] == answer["entry"][2]["resource"] == repo.read("Patient", "homer")
    assert answer["entry"][3]["response"]["outcome"]["id"] == "not-found"
    assert answer["entry"][5]["resource"]["type"] == "searchset"
    new = answer["entry"][0]["resource"]
    assert repo.read("Patient", new["id"]) == new


def test_an_entry_that_fails_touches_no_other(embedded: Repository) -> None:
    bad: list[Any] = [
        {"request": {"method": "POST", "url": "Patient"}},
        None,
        {"request": {"method": "GET", "url": "http://elsewhere.example/Patient/1"}},
        put({**patient("homer"), "active": True}, ifMatch='W/"9"'),
        delete("Patient/nobody"),
        post({"resourceType": "Communication", "status": "x"}),
    ]
    entries = [one for index, entry in enumerate(bad) for one in (entry, post(patient_named(index)))]
    answer = embedded.batch(batch(*entries))
    assert statuses(answer) == [status for one in ("400", "400", "400", "412", "404", "400") for status in (one, "201")]
    for index in range(len(bad)):
        assert embedded.search("Patient", [("identifier", f"urn:b|{index}")]).resources


def patient_named(index: int) -> Resource:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:b", "value": str(index)}]}


def test_the_outcome_of_an_entry_names_its_element(embedded: Repository) -> None:
    bad = post({"resourceType": "Communication", "status": "in-progress", "subject": {"reference": "Patient/nobody"}})
    (_, entry) = embedded.batch(batch(get("Patient/homer"), bad))["entry"]
    (issue,) = entry["response"]["outcome"]["issue"]
    assert issue["expression"] == ["Bundle.entry[1].resource.subject"]


def test_later_entries_see_what_earlier_ones_wrote(embedded: Repository) -> None:
    condition = "identifier=urn:b|1"
    answer = embedded.batch(
        batch(
            post(patient_named(1), ifNoneExist=condition),
            post(patient_named(1), ifNoneExist=condition),
            patch(f"Patient?{condition}", [{"op": "add", "path": "/active", "value": True}]),
            get(f"Patient?{condition}"),
            delete(f"Patient?{condition}"),
            delete(f"Patient?{condition}"),
        )
    )
    assert statuses(answer) == ["201", "200", "200", "200", "204", "204"]
    assert answer["entry"][3]["resource"]["entry"][0]["resource"]["active"] is True


def test_entries_of_a_batch_do_not_know_each_other(embedded: Repository) -> None:
    urn = "urn:uuid:8b0d1e7c-5f0c-4f3c-9a5b-0d4f7c1c2b10"
    message = {"resourceType": "Communication", "status": "in-progress", "subject": {"reference": urn}}
    answer = embedded.batch(batch(post(patient_named(1), urn), post(message)))
    assert statuses(answer) == ["201", "400"]


def test_what_breaks_unexpectedly_is_one_entrys_misfortune(
    embedded: Repository, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(type: str, id: str) -> Resource:
        raise RuntimeError("a secret")

    monkeypatch.setattr(embedded, "read", broken)
    answer = embedded.batch(batch(post(patient_named(1)), get("Patient/homer"), post(patient_named(2))))
    assert statuses(answer) == ["201", "500", "201"]
    assert answer["entry"][1]["response"]["outcome"]["id"] == "exception"
    assert "secret" not in json.dumps(answer)
    assert "a secret" in caplog.text


def test_a_version_that_is_known_already_is_not_sent_again(embedded: Repository) -> None:
    version = embedded.read("Patient", "homer")["meta"]["versionId"]
    tag, other = f'W/"{version}"', 'W/"99"'
    answer = embedded.batch(batch(get("Patient/homer", ifNoneMatch=tag), get("Patient/homer", ifNoneMatch=other)))
    assert statuses(answer) == ["304", "200"]
    assert "resource" not in answer["entry"][0]


def test_head_tells_the_version_and_no_content(embedded: Repository) -> None:
    (entry,) = embedded.batch(batch({"request": {"method": "HEAD", "url": "Patient/homer"}}))["entry"]
    assert entry["response"]["etag"].startswith('W/"')
    assert "resource" not in entry


def test_too_many_entries_are_refused_whole(embedded: Repository, settings: Any) -> None:
    settings.FHIR_MAX_BUNDLE_ENTRIES = 3
    with pytest.raises(outcome.TooLarge) as error:
        embedded.batch(batch(*[post(patient_named(7))] * 4))
    assert error.value.status == 413
    assert error.value.outcome()["id"] == "content-too-large"
    assert embedded.search("Patient", [("identifier", "urn:b|7")]).resources == []
    assert len(embedded.batch(batch(*[post(patient_named(7))] * 3))["entry"]) == 3


@pytest.mark.parametrize("type", ["transaction", "searchset", ""])
def test_only_a_batch_is_one(embedded: Repository, type: str) -> None:
    with pytest.raises(outcome.Invalid):
        embedded.batch({**batch(), "type": type})


# Forms of a patch


def parameters(*operations: dict[str, str]) -> Resource:
    kinds = {"op": "valueCode"}
    parts = [[{"name": name, kinds.get(name, "valueString"): one[name]} for name in one] for one in operations]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": part} for part in parts]}


def test_a_patch_comes_as_parameters_too(embedded: Repository) -> None:
    body = parameters(
        {"op": "add", "path": "/active", "value": "true"},
        {"op": "copy", "from": "/active", "path": "/deceasedBoolean"},
        {"op": "remove", "path": "/name"},
    )
    entry = {"resource": body, "request": {"method": "PATCH", "url": "Patient/homer"}}
    assert statuses(embedded.batch(batch(entry))) == ["200"]
    homer = embedded.read("Patient", "homer")
    assert (homer["active"], homer["deceasedBoolean"], "name" in homer) == (True, True, False)


def binary(data: Any, type: str = "application/json-patch+json") -> Resource:
    return {"resourceType": "Binary", "contentType": type, "data": data}


ONE = base64.b64encode(b'[{"op": "add", "path": "/active", "value": true}]').decode()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (binary(ONE), "200"),
        (binary(ONE, "application/json-patch+json; charset=utf-8"), "200"),
        (binary(ONE, "application/pdf"), "400"),
        (binary("?"), "400"),
        (binary(5), "400"),
        (binary(base64.b64encode(b"{}").decode()), "400"),
        (binary(base64.b64encode(b"[" * 100_000).decode()), "400"),
        (binary(base64.b64encode(b"\xff").decode()), "400"),
        ({"resourceType": "Binary", "contentType": "application/json-patch+json"}, "400"),
        (parameters(), "400"),
        (parameters({"op": "add"}), "400"),
        (parameters({"op": "add", "path": "/active", "value": "{"}), "400"),
        ({"resourceType": "Parameters", "parameter": "x"}, "400"),
        (patient("homer"), "400"),
        ([], "400"),
    ],
)
def test_a_patch_in_an_entry_is_json_patch(embedded: Repository, body: Any, status: str) -> None:
    entry = {"resource": body, "request": {"method": "PATCH", "url": "Patient/homer"}}
    assert statuses(embedded.batch(batch(entry))) == [status]
