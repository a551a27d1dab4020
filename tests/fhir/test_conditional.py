"""Writes and references that name a resource by a search."""

from typing import Any

import pytest

from inbox.fhir import outcome
from inbox.fhir.repository import Repository, Write
from inbox.fhir.types import Resource
from tests import invariants

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

ONE, BOTH, NONE = "identifier=urn:x|1", "identifier=urn:x|", "identifier=urn:x|9"


def patient(value: str = "1", **more: Any) -> Resource:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": value}], **more}


def created(repo: Repository, resource: Resource) -> str:
    written = repo.create(resource).resource
    assert written is not None
    return str(written["id"])


# Update


def test_an_update_by_a_search_creates_then_updates(repo: Repository) -> None:
    first = repo.update(patient(active=True), where=ONE)
    again = repo.update(patient(active=False), where=ONE)
    assert (first.created, again.created) == (True, False)
    assert first.resource is not None
    assert again.resource is not None
    assert first.resource["id"] == again.resource["id"]
    assert again.resource["active"] is False


def test_an_update_by_a_search_that_finds_several_is_refused(embedded: Repository) -> None:
    created(embedded, patient("1"))
    created(embedded, patient("2"))
    before = invariants.snapshot()
    with pytest.raises(outcome.MultipleMatches):
        embedded.update(patient(active=True), where=BOTH)
    assert invariants.snapshot() == before
    assert not embedded.update(patient(active=True), where=ONE).created


def test_the_id_in_the_body_is_that_of_the_match(embedded: Repository) -> None:
    id = created(embedded, patient())
    with pytest.raises(outcome.Invalid) as error:
        embedded.update(patient(id="other"), where=ONE)
    assert error.value.expression == ["Patient.id"]
    assert not embedded.update(patient(id=id, active=True), where=ONE).created


def test_without_a_match_the_id_in_the_body_is_taken_if_it_is_free(embedded: Repository) -> None:
    written = embedded.update(patient("7", id="ned"), where="identifier=urn:x|7")
    assert written.resource is not None
    assert written.resource["id"] == "ned"
    other = embedded.update(patient("8", id="ned"), where="identifier=urn:x|8")
    assert other.created
    assert other.resource is not None
    assert other.resource["id"] != "ned"
    assert embedded.read("Patient", "ned")["identifier"][0]["value"] == "7"


def test_an_id_that_is_none_is_refused(embedded: Repository) -> None:
    with pytest.raises(outcome.Invalid) as error:
        embedded.update(patient(id="a b"), where=ONE)
    assert error.value.expression == ["Patient.id"]


def test_an_update_by_a_search_names_the_version_it_was_made_from(embedded: Repository) -> None:
    created(embedded, patient())
    embedded.update(patient(active=True), where=ONE, if_match="1")
    with pytest.raises(outcome.Stale):
        embedded.update(patient(active=False), where=ONE, if_match="1")
    with pytest.raises(outcome.Stale):
        embedded.update(patient("9"), where=NONE, if_match="1")


@pytest.mark.parametrize("where", ["_sort=_lastUpdated", "_count=1", "_total=accurate", "&"])
def test_a_condition_names_something(embedded: Repository, where: str) -> None:
    for act in (
        lambda: embedded.update(patient(), where=where),
        lambda: embedded.patch("Patient", "", [{"op": "add", "path": "/active", "value": True}], where=where),
        lambda: embedded.delete("Patient", "", where=where),
        lambda: embedded.create(patient(), if_none_exist=where),
    ):
        with pytest.raises(outcome.Invalid):
            act()


def test_a_write_without_id_and_condition_names_nothing(embedded: Repository) -> None:
    with pytest.raises(outcome.Invalid):
        embedded.delete("Patient", "")
    with pytest.raises(outcome.Invalid):
        embedded.patch("Patient", "", [{"op": "add", "path": "/active", "value": True}])


# Delete


def test_a_delete_by_a_search_takes_the_one_match(repo: Repository) -> None:
    id, other = created(repo, patient("1")), created(repo, patient("2"))
    with pytest.raises(outcome.MultipleMatches):
        repo.delete("Patient", "", where=BOTH)
    repo.delete("Patient", "", where=ONE)
    with pytest.raises((outcome.Gone, outcome.NotFound)):
        repo.read("Patient", id)
    assert repo.read("Patient", other)
    repo.delete("Patient", "", where=ONE)


# References


def message(subject: str, **more: Any) -> Resource:
    return {"resourceType": "Communication", "status": "in-progress", "subject": {"reference": subject}, **more}


def test_a_conditional_reference_becomes_the_one_match(repo: Repository) -> None:
    id = created(repo, patient())
    written = repo.create(message(f"Patient?{ONE}", recipient=[{"reference": "Practitioner/bob"}]))
    assert written.resource is not None
    assert written.resource["subject"]["reference"] == f"Patient/{id}"


def test_a_phone_number_in_a_reference_is_taken_as_it_is_written(embedded: Repository) -> None:
    telecom = [{"system": "phone", "value": "+15550001234"}]
    id = created(embedded, {"resourceType": "Patient", "telecom": telecom})
    for phone in ("+15550001234", "%2B15550001234", " 15550001234"):
        written = embedded.create(message(f"Patient?phone={phone}"))
        assert written.resource is not None
        assert written.resource["subject"]["reference"] == f"Patient/{id}"


def test_updates_and_patches_take_conditional_references_too(embedded: Repository) -> None:
    id = created(embedded, patient())
    one = embedded.create(message("Patient/homer")).resource
    assert one is not None
    changed = embedded.update({**one, "subject": {"reference": f"Patient?{ONE}"}}).resource
    assert changed is not None
    assert changed["subject"]["reference"] == f"Patient/{id}"
    for path, value in (("/subject", {"reference": f"Patient?{ONE}"}), ("/subject/reference", f"Patient?{ONE}")):
        embedded.update({**one, "subject": {"reference": "Patient/homer"}})
        operation = {"op": "replace", "path": path, "value": value}
        changed = embedded.patch("Communication", one["id"], [operation]).resource
        assert changed is not None
        assert changed["subject"]["reference"] == f"Patient/{id}"


@pytest.mark.parametrize(
    ("reference", "error", "id"),
    [
        (f"Patient?{NONE}", outcome.NoMatch, "precondition-failed"),
        (f"Patient?{BOTH}", outcome.MultipleMatches, "multiple-matches"),
        ("Patient?nonsense=1", outcome.Invalid, "invalid"),
        ("Patient?_count=1", outcome.Invalid, "invalid"),
    ],
)
def test_a_conditional_reference_that_names_nothing_or_several_is_refused_by_its_place(
    embedded: Repository, reference: str, error: type[outcome.FHIRError], id: str
) -> None:
    created(embedded, patient("1"))
    created(embedded, patient("2"))
    before = invariants.snapshot()
    with pytest.raises(error) as raised:
        embedded.create(message("Patient/homer", about=[{"reference": f"Patient?{ONE}"}, {"reference": reference}]))
    assert raised.value.expression == ["Communication.about[1].reference"]
    assert raised.value.id == id
    assert invariants.snapshot() == before
    embedded.create(message("Patient/homer", about=[{"reference": f"Patient?{ONE}"}]))


# Several writes


def test_two_writes_with_one_condition_and_no_match_are_one_too_many(embedded: Repository) -> None:
    writes = [Write("POST", "Patient", resource=patient(), if_none_exist=ONE) for _ in range(2)]
    with pytest.raises(outcome.Invalid):
        embedded.apply(writes)
    id = created(embedded, patient())
    assert [one.resource["id"] for one in embedded.apply(writes) if one.resource] == [id, id]


def test_what_a_search_and_an_id_name_is_written_once(embedded: Repository) -> None:
    id = created(embedded, patient())
    with pytest.raises(outcome.Invalid, match="twice"):
        embedded.apply(
            [
                Write("PUT", "Patient", id, patient(id=id, active=True)),
                Write("PUT", "Patient", resource=patient(active=False), where=ONE),
            ]
        )
    assert "active" not in embedded.read("Patient", id)
