"""Transaction Bundles: all or nothing, `urn:uuid` references, several writes of one commit."""

from typing import Any

import pytest

from inbox.fhir import outcome, sql
from inbox.fhir.repository import Repository, Write
from inbox.fhir.types import Bundle, Resource
from inbox.models import Practice
from tests import invariants
from tests.fhir.conftest import back_end

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
    good = [post(communication(), HEADER), post(message("Hello"), FIRST)]
    before = invariants.snapshot()
    with pytest.raises(error):
        repo.transaction(bundle(*good, entry))
    assert invariants.snapshot() == before
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


def test_what_refers_to_each_other_is_deleted_together(repo: Repository) -> None:
    answer = repo.transaction(bundle(post({"resourceType": "Patient"}, FIRST), post(communication(subject=ref(FIRST)))))
    one, other = ids(answer)
    with pytest.raises(outcome.Conflict):
        repo.transaction(bundle(delete(f"Patient/{one}")))
    repo.transaction(bundle(delete(f"Patient/{one}"), delete(f"Communication/{other}")))
    with pytest.raises(outcome.Gone):
        repo.read("Patient", one)


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

    answer, before = send(), invariants.snapshot()
    again = send()
    assert ids(again) == ids(answer)
    assert [one["response"]["status"] for one in again["entry"]] == ["200", "200"]
    assert invariants.snapshot() == before


def test_a_new_message_finds_the_header_that_is_there_already(repo: Repository) -> None:
    mark = [{"system": "urn:call", "value": "1"}]
    header = post(communication(identifier=mark), HEADER, ifNoneExist="identifier=urn:call|1")
    one, first = ids(repo.transaction(bundle(header, post(message("One"), FIRST))))
    same, second = ids(repo.transaction(bundle(header, post(message("Two"), SECOND))))
    assert one == same
    assert repo.read("Communication", second)["partOf"] == [{"reference": f"Communication/{one}"}]
    assert first != second


def test_two_messages_of_one_thread_in_one_bundle_open_one_mark_for_each_reader(repo: Repository) -> None:
    repo.transaction(bundle(post(communication(), HEADER), post(message("One"), FIRST), post(message("Two"), SECOND)))
    tasks = repo.search("Task", []).resources
    assert sorted(one["owner"]["reference"] for one in tasks) == ["Patient/homer", "Practitioner/alice"]
    invariants.check()


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


# One commit


class Broken(Exception):
    """What this test throws."""


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
