"""Finding people: by the beginnings of their names, in one's own practice, without those who are gone."""

import pytest

from inbox import fhir
from inbox.fhir.guard import Guarded
from inbox.fhir.store import Store
from inbox.services import people
from tests import clinic

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

MARGE = {
    "resourceType": "Patient",
    "id": "marge",
    "name": [{"text": "Marge Simpson", "family": "Simpson", "given": ["Marge"]}],
    "birthDate": "1956-10-01",
    "gender": "female",
    "identifier": [{"system": "urn:mrn", "value": "742"}],
    "telecom": [{"system": "phone", "value": "555 0113"}],
}


def names(found: list[people.Person]) -> list[str]:
    return [one.name for one in found]


def test_people_are_found_by_the_beginnings_of_their_names(alice: Guarded, system: Store) -> None:
    system.update(MARGE)
    assert names(people.search(alice, "bob")) == ["Bob Nurse"]
    assert names(people.search(alice, "SIM")) == ["Marge Simpson"]
    assert names(people.patients(alice, "sim mar")) == ["Marge Simpson"]
    assert people.search(alice, "arge") == []
    assert people.patients(alice, "bob") == []


def test_whoever_is_no_longer_active_is_not_offered(alice: Guarded, system: Store) -> None:
    system.update({**clinic.person("Practitioner/gone", "Bob Gone"), "active": False})
    assert names(people.search(alice, "bob")) == ["Bob Nurse"]


def test_people_of_another_practice_are_not_found(alice: Guarded) -> None:
    there = fhir.create_practice("shelbyville", "Shelbyville")
    fhir.bulk_load(there, [clinic.person("Practitioner/bart", "Bob Elsewhere")])
    assert names(people.search(alice, "bob")) == ["Bob Nurse"]


def test_a_patient_finds_no_other_patients(homer: Guarded, system: Store) -> None:
    system.update(MARGE)
    assert people.patients(homer, "marge") == []
    assert people.patient_panel(homer, "Patient/marge") is None


def test_the_panel_of_a_patient_tells_who_it_is(alice: Guarded, system: Store) -> None:
    system.update(MARGE)
    panel = people.patient_panel(alice, "Patient/marge")
    assert panel is not None
    assert panel.person.name == "Marge Simpson"
    assert ("MRN", "742") in panel.facts
    assert ("Phone", "555 0113") in panel.facts
    assert people.patient_panel(alice, "Patient/nobody") is None
    assert people.patient_panel(alice, "Practitioner/bob") is None


def test_a_patient_writes_to_the_members_of_their_team(homer: Guarded, system: Store) -> None:
    member = {"member": {"reference": "Practitioner/alice", "display": "Dr. Alice Smith"}}
    team = {"resourceType": "CareTeam", "id": "t", "status": "active", "subject": {"reference": "Patient/homer"}}
    system.update({**team, "participant": [member]})
    system.update(
        {**team, "id": "old", "status": "inactive", "participant": [{"member": {"reference": "Practitioner/bob"}}]}
    )
    assert names(people.writable(homer)) == ["Dr. Alice Smith"]
