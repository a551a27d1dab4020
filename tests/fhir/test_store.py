"""The contract of a repository: one resource at a time. Every back end has to keep it."""

from decimal import Decimal
from typing import Any

import pytest

from inbox.fhir import outcome, rows
from inbox.fhir.repository import Repository
from inbox.fhir.types import Resource
from inbox.models import Practice
from tests.fhir.conftest import back_end

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

PATIENT: Resource = {"resourceType": "Patient", "name": [{"family": "Flanders", "given": ["Ned"]}]}


def without_stamp(resource: Resource) -> Resource:
    """A resource without the version and time that the store gave it."""
    return rows.unstamped(resource)


def put(repo: Repository, resource: Resource, **options: Any) -> Resource:
    """Update and give what is stored."""
    written = repo.update(resource, **options).resource
    assert written is not None
    return written


def post(repo: Repository, resource: Resource, **options: Any) -> Resource:
    """Create and give what is stored."""
    written = repo.create(resource, **options).resource
    assert written is not None
    return written


# Create and read


def test_a_created_resource_is_read_as_it_was_written_but_for_meta(repo: Repository) -> None:
    written = post(repo, PATIENT)
    assert repo.read("Patient", written["id"]) == written
    assert without_stamp(written) == {**PATIENT, "id": written["id"]}


@pytest.mark.store_only("a remote server names its versions as it likes")
def test_versions_are_counted_from_one(repo: Repository) -> None:
    first = post(repo, PATIENT)
    second = put(repo, {**first, "active": True})
    third = put(repo, {**second, "active": False})
    assert [one["meta"]["versionId"] for one in (first, second, third)] == ["1", "2", "3"]


def test_the_server_chooses_the_id_of_a_create(repo: Repository) -> None:
    assert post(repo, {**PATIENT, "id": "mine"})["id"] != "mine"


@pytest.mark.not_on("peer", "its engine reads decimals as JavaScript numbers, which lose digits")
def test_decimals_keep_their_last_digits(repo: Repository) -> None:
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "weight"},
        "valueQuantity": {"value": Decimal("1.50")},
        "component": [{"code": {"text": "x"}, "valueQuantity": {"value": Decimal("12345678901234567.8900")}}],
    }
    id = post(repo, observation)["id"]
    found = repo.read("Observation", id)
    assert str(found["valueQuantity"]["value"]) == "1.50"
    assert str(found["component"][0]["valueQuantity"]["value"]) == "12345678901234567.8900"


def test_meta_of_the_writer_is_kept_and_the_stamp_is_not(repo: Repository) -> None:
    meta = {"versionId": "99", "lastUpdated": "2001-01-01T00:00:00Z", "tag": [{"system": "urn:x", "code": "y"}]}
    found = repo.read("Patient", post(repo, {**PATIENT, "meta": meta})["id"])
    assert found["meta"]["tag"] == meta["tag"]
    assert found["meta"]["versionId"] != "99"
    assert found["meta"]["lastUpdated"] > "2020"


def test_an_update_may_bring_its_own_new_id(practice: Practice) -> None:
    store = back_end("store", practice)
    assert store.update({**PATIENT, "id": "ned"}).created
    assert store.read("Patient", "ned")["meta"]["versionId"] == "1"


def test_behind_the_guard_who_reads_the_whole_type_may_choose_an_id(practice: Practice) -> None:
    assert back_end("guarded", practice).update({**PATIENT, "id": "ned"}).created


@pytest.mark.parametrize(
    "text", ["Ünïcödé 漢字 🩺", "line\nbreak\ttab", "'; DROP TABLE x; --", "%s %(a)s {} \\", '"$[0]"']
)
def test_any_text_comes_back(repo: Repository, text: str) -> None:
    patient = {**PATIENT, "name": [{"text": text}]}
    assert repo.read("Patient", post(repo, patient)["id"])["name"] == [{"text": text}]


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_text_that_no_database_holds_is_refused(repo: Repository, text: str) -> None:
    with pytest.raises(outcome.Invalid):
        repo.create({**PATIENT, "name": [{"text": text}]})


def test_huge_values_are_stored_and_found(repo: Repository) -> None:
    long = "word " * 60_000
    identifier = {"system": "urn:long", "value": "v" * 5_000}
    id = post(repo, {**PATIENT, "name": [{"text": long.strip()}], "identifier": [identifier]})["id"]
    assert repo.read("Patient", id)["name"][0]["text"] == long.strip()
    for params in ([("identifier", f"urn:long|{'v' * 5_000}")], [("name", "word word")], [("name:contains", "ord wo")]):
        assert [one["id"] for one in repo.search("Patient", params).resources] == [id]
    assert repo.search("Patient", [("identifier", f"urn:long|{'v' * 4_999}")]).resources == []


def test_many_values_are_stored_and_found(repo: Repository) -> None:
    identifiers = [{"system": "urn:many", "value": str(number)} for number in range(2_000)]
    id = post(repo, {**PATIENT, "identifier": identifiers})["id"]
    assert [one["id"] for one in repo.search("Patient", [("identifier", "urn:many|1999")]).resources] == [id]


@pytest.mark.parametrize("call", ["read", "history", "delete"])
def test_what_never_was_is_not_found(repo: Repository, call: str) -> None:
    with pytest.raises(outcome.NotFound):
        getattr(repo, call)("Patient", "nobody")


def test_an_invalid_resource_is_refused_with_the_place(repo: Repository) -> None:
    with pytest.raises(outcome.Invalid) as error:
        repo.create({**PATIENT, "birthDate": "yesterday"})
    assert error.value.expression == ["Patient.birthDate"]


# Versions


def test_every_change_is_a_version_and_all_can_be_read(repo: Repository) -> None:
    first = post(repo, PATIENT)
    second = put(repo, {**first, "active": True})
    third = put(repo, {**second, "active": False})
    assert repo.history("Patient", first["id"]) == [third, second, first]
    assert repo.vread("Patient", first["id"], second["meta"]["versionId"]) == second
    assert len({one["meta"]["versionId"] for one in (first, second, third)}) == 3


@pytest.mark.parametrize("version", ["0", "2", "x", "1.0", "99999999999999999999", "-1", ""])
def test_a_version_that_never_was_is_not_found(repo: Repository, version: str) -> None:
    id = post(repo, PATIENT)["id"]
    with pytest.raises(outcome.NotFound):
        repo.vread("Patient", id, version)


@pytest.mark.store_only("only the embedded store keeps the time itself")
def test_last_updated_only_grows(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = post(repo, PATIENT)
    stamps = [resource["meta"]["lastUpdated"]]
    monkeypatch.setattr(rows, "now", lambda: rows.micros("2020-01-01T00:00:00Z"))
    for number in range(3):
        resource = put(repo, {**resource, "birthDate": f"198{number}-01-01"})
        stamps.append(resource["meta"]["lastUpdated"])
    assert stamps == sorted(set(stamps))


def test_an_update_that_changes_nothing_makes_no_version(repo: Repository) -> None:
    first = post(repo, {**PATIENT, "identifier": [{"system": "urn:a", "value": "1"}]})
    again = dict(reversed(first.items()))
    written = repo.update(again)
    assert written.unchanged
    assert not written.created
    assert written.resource == first
    assert len(repo.history("Patient", first["id"])) == 1


def test_an_update_names_the_version_it_was_made_from(repo: Repository) -> None:
    first = post(repo, PATIENT)
    seen = first["meta"]["versionId"]
    second = put(repo, {**first, "active": True}, if_match=seen)
    with pytest.raises(outcome.Stale):
        repo.update({**first, "active": False}, if_match=seen)
    assert repo.read("Patient", first["id"]) == second


def test_a_version_of_what_is_not_there_is_stale_or_not_found(repo: Repository) -> None:
    with pytest.raises((outcome.Stale, outcome.NotFound)):
        repo.update({**PATIENT, "id": "nobody"}, if_match="1")
    with pytest.raises(outcome.NotFound):
        repo.read("Patient", "nobody")


# Deleting


FORGETS = "its engine forgets what was deleted, so it can not be told whether the reader could see it"


@pytest.mark.not_on("guarded peer", FORGETS)
def test_a_deleted_resource_is_gone_and_keeps_its_history(repo: Repository) -> None:
    first = post(repo, PATIENT)
    repo.delete("Patient", first["id"])
    with pytest.raises(outcome.Gone):
        repo.read("Patient", first["id"])
    assert repo.search("Patient", [("_id", first["id"])]).resources == []


def test_a_deleted_version_is_gone_and_earlier_ones_are_not(practice: Practice) -> None:
    store = back_end("store", practice)
    first = post(store, PATIENT)
    store.delete("Patient", first["id"])
    deleted, created = store.history("Patient", first["id"])
    assert set(deleted) == {"resourceType", "id", "meta"}
    assert created == first
    assert store.vread("Patient", first["id"], "1") == first
    with pytest.raises(outcome.Gone):
        store.vread("Patient", first["id"], "2")


def test_a_deletion_names_the_version_it_saw(repo: Repository) -> None:
    first = post(repo, PATIENT)
    second = put(repo, {**first, "active": True})
    with pytest.raises(outcome.Stale):
        repo.delete("Patient", first["id"], if_match=first["meta"]["versionId"])
    repo.delete("Patient", first["id"], if_match=second["meta"]["versionId"])


@pytest.mark.not_on("guarded peer", FORGETS)
def test_deleting_twice_says_so(repo: Repository) -> None:
    id = post(repo, PATIENT)["id"]
    repo.delete("Patient", id)
    with pytest.raises(outcome.Gone):
        repo.delete("Patient", id)


def test_an_id_that_was_deleted_can_be_used_again(practice: Practice) -> None:
    store = back_end("store", practice)
    put(store, {**PATIENT, "id": "ned"})
    store.delete("Patient", "ned")
    written = store.update({**PATIENT, "id": "ned", "active": True})
    assert written.created
    assert written.resource is not None
    assert written.resource["meta"]["versionId"] == "3"
    assert [one["id"] for one in store.search("Patient", [("name", "flanders")]).resources] == ["ned"]
    assert len(store.history("Patient", "ned")) == 3


# Conditional create


def test_a_conditional_create_writes_once(repo: Repository) -> None:
    patient = {**PATIENT, "identifier": [{"system": "urn:a", "value": "1"}]}
    first = repo.create(patient, if_none_exist="identifier=urn:a|1")
    again = repo.create({**patient, "active": True}, if_none_exist="identifier=urn:a|1")
    assert first.created
    assert not again.created
    assert again.unchanged
    assert again.resource == first.resource


def test_a_conditional_create_that_finds_several_is_refused(repo: Repository) -> None:
    for _ in range(2):
        repo.create({**PATIENT, "identifier": [{"system": "urn:a", "value": "1"}]})
    with pytest.raises(outcome.MultipleMatches):
        repo.create(PATIENT, if_none_exist="identifier=urn:a|1")


def test_a_conditional_create_without_a_condition_is_refused(repo: Repository) -> None:
    with pytest.raises(outcome.Invalid):
        repo.create(PATIENT, if_none_exist="_count=1")
