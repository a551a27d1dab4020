"""Transaction Bundles: all or nothing, `urn:uuid` references, several writes of one commit."""

import base64
import json
from typing import Any

import pytest

from inbox.fhir import outcome, sql
from inbox.fhir.repository import Repository, Write
from inbox.fhir.types import Bundle, Operations, Resource
from inbox.models import Practice
from tests import invariants
from tests.fhir.conftest import back_end, is_remote, state

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

HEADER, FIRST, SECOND = "urn:uuid:header", "urn:uuid:first", "urn:uuid:second"


def bundle(*entries: Resource) -> Bundle:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def post(resource: Resource, url: str = "", **request: str) -> Resource:
    """An entry that creates."""
    entry = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"], **request}}
    return {"fullUrl": url, **entry} if url else entry


def put(resource: Resource, **request: str) -> Resource:
    """An entry that updates."""
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url, **request}}


def delete(url: str) -> Resource:
    return {"request": {"method": "DELETE", "url": url}}


def get(url: str, **request: str) -> Resource:
    return {"request": {"method": "GET", "url": url, **request}}


def patch(url: str, operations: Operations, **request: str) -> Resource:
    """An entry that changes by JSON Patch."""
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    body = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    return {"resource": body, "request": {"method": "PATCH", "url": url, **request}}


def communication(**more: Any) -> Resource:
    people = [{"reference": "Patient/homer"}, {"reference": "Practitioner/alice"}]
    return {"resourceType": "Communication", "status": "in-progress", "recipient": people, **more}


def message(text: str, thread: str = HEADER, **more: Any) -> Resource:
    return communication(partOf=[{"reference": thread}], payload=[{"contentString": text}], **more)


def patient(id: str, **more: Any) -> Resource:
    return {"resourceType": "Patient", "id": id, **more}


def ids(answer: Bundle) -> list[str]:
    return [entry["resource"]["id"] for entry in answer["entry"]]


def test_references_inside_a_bundle_become_ids_in_either_direction(repo: Repository) -> None:
    answer = repo.transaction(
        bundle(post(message("Hello"), FIRST), post(communication(topic={"text": "Labs"}), HEADER))
    )
    first, header = ids(answer)
    assert repo.read("Communication", first)["partOf"] == [{"reference": f"Communication/{header}"}]
    assert [one["response"]["status"] for one in answer["entry"]] == ["201", "201"]
    assert answer["entry"][1]["response"]["location"].startswith(f"Communication/{header}/_history/")
    assert answer["type"] == "transaction-response"


def test_urls_inside_payloads_become_ids_too(repo: Repository) -> None:
    attachment = {"contentAttachment": {"url": SECOND, "title": "x"}}
    one = communication(payload=[attachment])
    answer = repo.transaction(bundle(post(one, FIRST), post({"resourceType": "Patient"}, SECOND)))
    patient = answer["entry"][1]["resource"]["id"]
    assert answer["entry"][0]["resource"]["payload"][0]["contentAttachment"]["url"] == f"Patient/{patient}"


def test_answers_stand_in_the_order_of_the_entries(practice: Practice) -> None:
    store = back_end("store", practice)
    store.update(patient("old"))
    answer = store.transaction(
        bundle(put(patient("new", active=True)), post({"resourceType": "Patient"}), delete("Patient/old"))
    )
    assert [one["response"]["status"] for one in answer["entry"]] == ["201", "201", "204"]
    assert answer["entry"][0]["resource"]["id"] == "new"


FAILING: list[tuple[Resource, type[outcome.FHIRError]]] = [
    (post(communication(subject={"reference": "Patient/nobody"})), outcome.UnknownReference),
    (post(communication(subject={"reference": "urn:uuid:nowhere"})), outcome.UnknownReference),
    (post({**communication(), "status": "nonsense"}), outcome.Invalid),
    (put(patient("homer"), ifMatch='W/"7"'), outcome.Stale),
    (delete("Patient/nobody"), outcome.NotFound),
    (delete("Patient/homer"), outcome.Conflict),
    ({"request": {"method": "PATCH", "url": "Patient/homer"}}, outcome.Invalid),
    (post({"resourceType": "Patient"}, FIRST), outcome.Invalid),
    ({"resource": patient("x"), "request": {"method": "PUT", "url": "Patient/y"}}, outcome.Invalid),
]


@pytest.mark.parametrize(("entry", "error"), FAILING)
def test_one_entry_that_fails_leaves_nothing_of_the_others(
    repo: Repository, entry: Resource, error: type[outcome.FHIRError]
) -> None:
    if error is outcome.Conflict and is_remote(repo):
        pytest.skip("its engine deletes what others refer to")
    good = [post(communication(), HEADER), post(message("Hello"), FIRST)]
    before = state(repo)
    with pytest.raises(error):
        repo.transaction(bundle(*good, entry))
    assert state(repo) == before
    repo.transaction(bundle(*good))


def test_an_unknown_reference_is_named_by_its_entry(repo: Repository) -> None:
    with pytest.raises(outcome.UnknownReference) as error:
        repo.transaction(bundle(post(communication()), post(message("Hello", "urn:uuid:nowhere"))))
    assert error.value.expression == ["Bundle.entry[1].resource.partOf[0].reference"]


def test_a_bundle_writes_each_resource_once(practice: Practice) -> None:
    store = back_end("store", practice)
    with pytest.raises(outcome.Invalid, match="twice"):
        store.transaction(bundle(put(patient("ned", active=True)), put(patient("ned", active=False))))
    with pytest.raises(outcome.NotFound):
        store.read("Patient", "ned")


@pytest.mark.not_on("peer", "its engine deletes what others refer to")
def test_what_refers_to_each_other_is_deleted_together(repo: Repository) -> None:
    answer = repo.transaction(bundle(post({"resourceType": "Patient"}, FIRST), post(communication(subject=ref(FIRST)))))
    one, other = ids(answer)
    with pytest.raises(outcome.Conflict):
        repo.transaction(bundle(delete(f"Patient/{one}")))
    repo.transaction(bundle(delete(f"Patient/{one}"), delete(f"Communication/{other}")))
    with pytest.raises(outcome.Gone):
        repo.read("Patient", one)


@pytest.mark.not_on("peer", "its engine deletes what others refer to")
def test_what_loses_its_last_reference_is_deleted_in_the_same_bundle(repo: Repository) -> None:
    one, other = ids(
        repo.transaction(bundle(post({"resourceType": "Patient"}, FIRST), post(communication(subject=ref(FIRST)))))
    )
    found = repo.read("Communication", other)
    del found["subject"]
    repo.transaction(bundle(delete(f"Patient/{one}"), put(found)))
    with pytest.raises(outcome.Conflict):
        repo.transaction(bundle(delete(f"Communication/{other}"), post(message("Two", f"Communication/{other}"))))


def ref(reference: str) -> Resource:
    return {"reference": reference}


def test_a_repeated_bundle_of_conditional_creates_writes_nothing_more(repo: Repository) -> None:
    def send() -> Bundle:
        mark = [{"system": "urn:client", "value": "1"}]
        condition = "identifier=urn:client|1&part-of:missing="
        header = post(communication(identifier=mark), HEADER, ifNoneExist=f"{condition}true")
        first = post(message("Hello", identifier=mark), FIRST, ifNoneExist=f"{condition}false")
        return repo.transaction(bundle(header, first))

    answer, before = send(), state(repo)
    again = send()
    assert ids(again) == ids(answer)
    assert [one["response"]["status"] for one in again["entry"]] == ["200", "200"]
    assert state(repo) == before


def test_a_new_message_finds_the_header_that_is_there_already(repo: Repository) -> None:
    mark = [{"system": "urn:call", "value": "1"}]
    header = post(communication(identifier=mark), HEADER, ifNoneExist="identifier=urn:call|1")
    one, first = ids(repo.transaction(bundle(header, post(message("One"), FIRST))))
    same, second = ids(repo.transaction(bundle(header, post(message("Two"), SECOND))))
    assert one == same
    assert repo.read("Communication", second)["partOf"] == [{"reference": f"Communication/{one}"}]
    assert first != second


@pytest.mark.store_only("on a remote server the worker makes the marks, a moment later")
def test_two_messages_of_one_thread_in_one_bundle_open_one_mark_for_each_reader(repo: Repository) -> None:
    repo.transaction(bundle(post(communication(), HEADER), post(message("One"), FIRST), post(message("Two"), SECOND)))
    tasks = repo.search("Task", []).resources
    assert sorted(one["owner"]["reference"] for one in tasks) == ["Patient/homer", "Practitioner/alice"]
    invariants.check()


@pytest.mark.store_only("on a remote server the worker makes the marks, a moment later")
def test_leaving_and_a_message_in_one_bundle_agree_about_the_mark(repo: Repository) -> None:
    header = ids(repo.transaction(bundle(post(communication(), HEADER), post(message("One"), FIRST))))[0]
    without = repo.read("Communication", header)
    without["recipient"] = [one for one in without["recipient"] if one["reference"] != "Patient/homer"]
    last = message("Two", f"Communication/{header}", recipient=[ref("Practitioner/alice")])
    repo.transaction(bundle(put(without), post(last)))
    status = {one["owner"]["reference"]: one["status"] for one in repo.search("Task", []).resources}
    assert status == {"Patient/homer": "cancelled", "Practitioner/alice": "requested"}
    invariants.check()


@pytest.mark.parametrize("text", ["collection", "batch", ""])
def test_only_a_transaction_is_one(repo: Repository, text: str) -> None:
    with pytest.raises(outcome.Invalid):
        repo.transaction({**bundle(), "type": text})


@pytest.mark.parametrize("entry", [None, "x", [], {}, {"request": None}, {"request": {"method": "POST", "url": 5}}])
def test_an_entry_that_is_none_is_refused(repo: Repository, entry: Any) -> None:
    with pytest.raises(outcome.Invalid):
        repo.transaction(bundle(entry))


def test_an_empty_transaction_is_answered_empty(repo: Repository) -> None:
    assert repo.transaction(bundle())["entry"] == []


# Every method


def test_all_methods_in_one_transaction_reads_last_and_answers_in_order(practice: Practice) -> None:
    store = back_end("guarded", practice)
    store.update(patient("ned", active=False))
    store.update(patient("old"))
    answer = store.transaction(
        bundle(
            get("Patient/ned"),
            patch("Patient/ned", [{"op": "add", "path": "/active", "value": True}]),
            get("Patient/old/_history"),
            put(patient("new", active=True)),
            {"request": {"method": "HEAD", "url": "/Patient/ned/_history/1"}},
            get("Patient?_id=ned,new,homer&_sort=_id"),
            delete("Practitioner/charlie"),
            post({"resourceType": "Patient"}),
        )
    )
    assert [one["response"]["status"] for one in answer["entry"]] == [*["200"] * 3, "201", "200", "200", "204", "201"]
    ned, found = answer["entry"][0]["resource"], answer["entry"][5]["resource"]
    assert (ned["active"], ned["meta"]["versionId"]) == (True, "2")
    assert answer["entry"][2]["resource"]["type"] == "history"
    assert [one["resource"]["id"] for one in found["entry"]] == ["homer", "ned", "new"]
    assert answer["entry"][4]["response"]["etag"] == 'W/"1"'


@pytest.mark.store_only("a remote server has kept the writes before the reads of a transaction are asked")
def test_a_read_that_fails_refuses_the_transaction(embedded: Repository) -> None:
    before = state(embedded)
    with pytest.raises(outcome.NotFound) as error:
        embedded.transaction(bundle(post({"resourceType": "Patient"}), get("Patient/nobody")))
    assert error.value.expression == ["Bundle.entry[1]"]
    assert state(embedded) == before
    embedded.transaction(bundle(post({"resourceType": "Patient"}), get("Patient/homer")))


def test_a_search_names_what_an_entry_updates_patches_and_deletes(repo: Repository) -> None:
    def known(value: str) -> Resource:
        return {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": value}]}

    def put_where(value: str) -> Resource:
        body = {**known(value), "active": True}
        return {"resource": body, "request": {"method": "PUT", "url": f"Patient?identifier=urn:x%7C{value}"}}

    one, two, three = ids(repo.transaction(bundle(*(post(known(value)) for value in "123"))))
    answer = repo.transaction(
        bundle(
            put_where("1"),
            patch("Patient?identifier=urn:x|2", [{"op": "add", "path": "/gender", "value": "male"}]),
            delete("Patient?identifier=urn:x|3"),
            put_where("4"),
            delete("Patient?identifier=urn:x|5"),
        )
    )
    assert [one["response"]["status"] for one in answer["entry"]] == ["200", "200", "204", "201", "204"]
    assert repo.read("Patient", one)["active"] is True
    assert repo.read("Patient", two)["gender"] == "male"
    with pytest.raises((outcome.Gone, outcome.NotFound)):
        repo.read("Patient", three)


OID = "urn:oid:1.2.3.4"


def test_names_of_a_bundle_lead_to_what_a_condition_found(repo: Repository) -> None:
    condition = "identifier=urn:x|1"
    one = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "1"}]}
    first = ids(repo.transaction(bundle(post(one, FIRST, ifNoneExist=condition))))[0]
    put_where = {"fullUrl": OID, "resource": one, "request": {"method": "PUT", "url": f"Patient?{condition}"}}
    for entry, name in ((post(one, FIRST, ifNoneExist=condition), FIRST), (put_where, OID)):
        answer = repo.transaction(bundle(post(communication(subject=ref(name))), entry))
        assert answer["entry"][0]["resource"]["subject"]["reference"] == f"Patient/{first}"


def test_a_conditional_reference_may_name_what_its_bundle_creates(repo: Repository) -> None:
    condition = "identifier=urn:x|1"
    one = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "1"}]}
    entries = bundle(post(communication(subject=ref(f"Patient?{condition}"))), post(one, ifNoneExist=condition))
    for _ in range(2):
        message, patient = repo.transaction(entries)["entry"]
        assert message["resource"]["subject"]["reference"] == f"Patient/{patient['resource']['id']}"


def test_resources_that_refer_to_each_other_are_written_together(repo: Repository) -> None:
    one = communication(inResponseTo=[ref(SECOND)], partOf=[ref(HEADER)])
    other = communication(inResponseTo=[ref(FIRST)], partOf=[ref(HEADER)])
    answer = repo.transaction(bundle(post(one, FIRST), post(other, SECOND), post(communication(), HEADER)))
    first, second, _ = ids(answer)
    assert repo.read("Communication", first)["inResponseTo"][0]["reference"] == f"Communication/{second}"
    assert repo.read("Communication", second)["inResponseTo"][0]["reference"] == f"Communication/{first}"


def test_new_ids_of_ones_own_are_known_to_the_other_entries(embedded: Repository) -> None:
    one = communication(id="first", subject=ref("Patient/ned"), inResponseTo=[ref("Communication/second")])
    other = communication(id="second", subject=ref("Patient/ned"), inResponseTo=[ref("Communication/first")])
    answer = embedded.transaction(bundle(put(one), put(patient("ned", active=True)), put(other)))
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201", "201", "201"]
    assert embedded.read("Communication", "first")["subject"]["reference"] == "Patient/ned"
    with pytest.raises(outcome.UnknownReference) as error:
        embedded.transaction(bundle(put({**one, "subject": ref("Patient/nobody")}), put(patient("lisa", active=True))))
    assert error.value.expression == ["Bundle.entry[0].resource.subject"]
    with pytest.raises(outcome.NotFound):
        embedded.read("Patient", "lisa")


def test_a_patch_may_name_another_entry(repo: Repository) -> None:
    header = ids(repo.transaction(bundle(post(communication()))))[0]
    for path, value in (("/subject", ref(FIRST)), ("/subject/reference", FIRST)):
        operations = [{"op": "replace", "path": path, "value": value}]
        entries = bundle(patch(f"Communication/{header}", operations), post({"resourceType": "Patient"}, FIRST))
        answer = repo.transaction(entries)
        new = answer["entry"][1]["resource"]["id"]
        assert repo.read("Communication", header)["subject"]["reference"] == f"Patient/{new}"


def test_a_full_url_is_used_once(embedded: Repository) -> None:
    with pytest.raises(outcome.Invalid) as error:
        embedded.transaction(bundle(post({"resourceType": "Patient"}, FIRST), post({"resourceType": "Patient"}, FIRST)))
    assert error.value.expression == ["Bundle.entry[1].fullUrl"]


ELSEWHERE = [
    *("/admin", "admin/", "/fhir/R4/Patient", "http://127.0.0.1/Patient", "https://evil.example/Patient/1"),
    *("//Patient/1", "/../Patient/1", "Patient/../../admin", "Patient/..", "Patient/1/", "/", "", "?_id=1", "metadata"),
    *("Patient/1/$everything", "Patient/$validate", "Patient/1/_history/2/3", "Patient/1/_history/", "Pa tient/1"),
    *(
        "Patient\\1",
        "Patient/1#x",
        "patient/1",
        "Nonsense/1",
        "Patient/\n1",
        "file:///etc/passwd",
        "Patient/é",
        5,
        None,
    ),
]


@pytest.mark.parametrize("url", ELSEWHERE)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_ac69_an_entry_leads_to_resources_of_this_server_only(embedded: Repository, method: str, url: Any) -> None:
    entry = {"resource": patient("1"), "request": {"method": method, "url": url}}
    before = state(embedded)
    with pytest.raises(outcome.Invalid) as error:
        embedded.transaction(bundle(post({"resourceType": "Patient"}), entry))
    assert error.value.expression == ["Bundle.entry[1].request.url"]
    assert state(embedded) == before


WRONG: list[Resource] = [
    {"resource": patient("1"), "request": {"method": "POST", "url": "Patient/1"}},
    {"resource": patient("1"), "request": {"method": "POST", "url": "Patient?_id=1"}},
    {"resource": patient("1"), "request": {"method": "PUT", "url": "Patient"}},
    {"resource": patient("1"), "request": {"method": "PUT", "url": "Patient/1?active=true"}},
    {"resource": patient("1"), "request": {"method": "PUT", "url": "Patient/1/_history/1"}},
    {"resource": patient("1"), "request": {"method": "OPTIONS", "url": "Patient/1"}},
    {"resource": patient("1"), "request": {"method": ["POST"], "url": "Patient"}},
    {"resource": patient("1"), "request": {"method": "PUT", "url": "Patient/1", "ifMatch": 5}},
    {"resource": patient("1"), "request": {"method": "PUT", "url": "Patient/1", "ifMatch": 'W/""'}},
    {"resource": patient("1"), "request": {"method": "POST", "url": "Patient", "ifNoneExist": ["x"]}},
    {"resource": patient("1"), "request": {"method": "POST", "url": "Patient", "ifNoneExist": "_count=1"}},
    {"resource": patient("1"), "request": {"method": "POST", "url": "Patient"}, "fullUrl": 5},
    {"resource": [], "request": {"method": "POST", "url": "Patient"}},
    {"request": {"method": "GET", "url": "Patient/1?active=true"}},
    {"request": {"method": "GET", "url": "Patient?nonsense=1"}},
    {"request": {"method": "DELETE", "url": "Patient?_sort=_id"}},
]


@pytest.mark.parametrize("entry", WRONG)
def test_a_bad_entry_is_named_and_nothing_is_stored(embedded: Repository, entry: Resource) -> None:
    before = state(embedded)
    with pytest.raises(outcome.Invalid) as error:
        embedded.transaction(bundle(post({"resourceType": "Patient"}), entry))
    assert error.value.expression[0].startswith("Bundle.entry[1]")
    assert state(embedded) == before


@pytest.mark.parametrize("entries", [{}, "x", 5])
def test_the_entries_are_a_list(embedded: Repository, entries: Any) -> None:
    with pytest.raises(outcome.Invalid):
        embedded.transaction({**bundle(), "entry": entries})


def test_a_bundle_over_the_limit_is_refused(embedded: Repository, settings: Any) -> None:
    settings.FHIR_MAX_BUNDLE_ENTRIES = 2
    with pytest.raises(outcome.TooLarge):
        embedded.transaction(bundle(*[post({"resourceType": "Patient"})] * 3))
    assert len(embedded.transaction(bundle(*[post({"resourceType": "Patient"})] * 2))["entry"]) == 2


# Five hundred entries


def five_hundred(last: Resource) -> Bundle:
    """A header, 498 messages about different people's patients, and one more."""
    new = [post({"resourceType": "Patient"}, f"urn:uuid:p{number}") for number in range(20)]
    about = [post(message(f"{number}", subject=ref(f"urn:uuid:p{number % 20}"))) for number in range(478)]
    return bundle(post(communication(), HEADER), *new, *about, last)


def test_five_hundred_entries_with_one_bad_reference_at_the_end_store_nothing(practice: Practice) -> None:
    repo = back_end("guarded", practice)
    before = state(repo)
    with pytest.raises(outcome.UnknownReference) as error:
        repo.transaction(five_hundred(post(message("bad", subject=ref("Patient/nobody")))))
    assert error.value.expression == ["Bundle.entry[499].resource.subject"]
    assert state(repo) == before


def test_the_number_of_statements_does_not_grow_with_the_entries(
    practice: Practice, django_assert_max_num_queries: Any
) -> None:
    entries = five_hundred(post(message("good", subject=ref("Patient/homer"))))
    with django_assert_max_num_queries(60):
        answer = back_end("guarded", practice).transaction(entries)
    assert len(answer["entry"]) == 500
    patches = [
        patch(f"Communication/{one['resource']['id']}", [{"op": "add", "path": "/priority", "value": "urgent"}])
        for one in answer["entry"][21:]
    ]
    with django_assert_max_num_queries(60):
        back_end("guarded", practice).transaction(bundle(*patches))


# One commit


class Broken(Exception):
    """What this test throws."""


@pytest.mark.store_only("there are no tables of a remote server to break")
def test_whatever_breaks_at_whichever_insert_leaves_nothing(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """F08: version, index, what follows, audit and outbox fail one after the other, until one send gets through."""
    entries = bundle(post(communication(topic={"text": "Labs"}), HEADER), post(message("Hello"), FIRST))
    before, insert = invariants.snapshot(), sql.insert
    for survives in range(100):
        left = iter([None] * survives)

        def failing(*arguments: Any, **named: Any) -> Any:
            if arguments[2] and next(left, "none left") == "none left":  # noqa: B023
                raise Broken
            return insert(*arguments, **named)

        monkeypatch.setattr(sql, "insert", failing)
        try:
            repo.transaction(entries)
            break
        except Broken:
            assert invariants.snapshot() == before
    assert survives >= 10
    invariants.check()


def test_what_fails_inside_leaves_the_rest_of_a_transaction_as_it_was(practice: Practice) -> None:
    store = back_end("store", practice)
    store.update(patient("ned"))
    with store.atomic():
        with pytest.raises(outcome.UnknownReference):
            store.apply(
                [
                    Write("PUT", "Patient", "ned", patient("ned", active=True)),
                    Write("POST", "Communication", resource=communication(subject=ref("Patient/nobody"))),
                ]
            )
        assert store.read("Patient", "ned")["meta"]["versionId"] == "1"
        store.update(patient("ned", active=False), if_match="1")
    assert [one.get("active") for one in store.history("Patient", "ned")] == [False, None]
    invariants.check()
