"""Policies as data: what is refused when one is saved, what is pointed out, what two entries mean together."""

from typing import Any

import pytest

from inbox.fhir import outcome, policy
from inbox.fhir.types import Resource

from .conftest import SHIPPED, Clinic
from .judges import person
from .world import ALICE, BOB, HOMER, MARGE_BART, MARGE_HOMER, header, message, ref, refs

DB = pytest.mark.django_db(databases="__all__")
T = "Communication/"


def a_policy(*entries: Resource | str, **elements: Any) -> Resource:
    """A policy of these entries; a text is the criteria of one."""
    found = [
        {"resourceType": one.partition("?")[0], "criteria": one} if isinstance(one, str) else one for one in entries
    ]
    return {"resourceType": "AccessPolicy", "resource": found, **elements}


def on(type: str, **elements: Any) -> Resource:
    return {"resourceType": type, **elements}


def refused(body: Any) -> outcome.Invalid:
    with pytest.raises(outcome.Invalid) as error:
        policy.compile(body)
    return error.value


@pytest.mark.parametrize(
    ("criteria", "part"),
    [
        ("Communication?subject.name=Homer", "subject.name=Homer"),
        ("Communication?subject:Patient.name=Homer", "subject:Patient.name=Homer"),
        ("Communication?_has:Task:focus:owner=%profile", "_has:Task:focus:owner=%profile"),
        ("Communication?colour=red", "colour=red"),
        ("Communication?recipient:contains=Patient/1", "recipient:contains=Patient/1"),
        ("Communication?recipient:exact=Patient/1", "recipient:exact=Patient/1"),
        ("Communication?recipient:in=Group/1", "recipient:in=Group/1"),
        ("Communication?recipient", "recipient"),
        ("Communication?recipient=", "recipient="),
        ("Communication?recipient=%profile&", ""),
        ("Communication?recipient=%nobody", "%nobody"),
        ("Communication?part-of:missing=maybe", "part-of:missing=maybe"),
        ("Communication?part-of:missing=%profile", "part-of:missing=%profile"),
        ("Communication?sent=%profile", "sent=%profile"),
        ("Communication?_include=Communication:sender", "_include=Communication:sender"),
        ("Communication?_content=secret", "_content=secret"),
        ("Communication?status=asleep&colour=red", "colour=red"),
    ],
)
def test_criteria_that_can_not_be_enforced_are_refused_by_name(criteria: str, part: str) -> None:
    error = refused(a_policy("Patient?active=true", criteria))
    assert part in error.text
    assert error.expression == ["AccessPolicy.resource[1].criteria"]


@pytest.mark.parametrize(
    ("entry", "element"),
    [
        (on("Communication", criteria="Task?owner=%profile"), "criteria"),
        (on("Communication", criteria=["Communication?recipient=%profile"]), "criteria"),
        (on("Dragon"), "resourceType"),
        (on("Communication", compartment=ref(HOMER)), "compartment"),
        (on("Communication", interaction=["read", "destroy"]), "interaction"),
        (on("Communication", interaction="read"), "interaction"),
        (on("Communication", readonly="yes"), "readonly"),
        (on("Practitioner", hiddenFields=["telcom"]), "hiddenFields"),
        (on("Practitioner", hiddenFields="telecom"), "hiddenFields"),
        (on("Practitioner", hiddenFields=["id"]), "hiddenFields"),
        (on("Practitioner", readonlyFields=["name.family"]), "readonlyFields"),
        (on("Task", handover=["ownr"]), "handover"),
        (on("Task", follows="status"), "follows"),
        (on("Task", follows="nothing"), "follows"),
        (on("Task", follows=["focus"]), "follows"),
        (on("Task", writeConstraint=[{"expression": "%after.status ="}]), "writeConstraint"),
        (on("Task", writeConstraint=[{"expression": "true && %after.owner.empty()"}]), "writeConstraint"),
        (on("Task", writeConstraint=[{"expression": "true)"}]), "writeConstraint"),
        (on("Task", writeConstraint=[{"expression": "%after..status = 'x'"}]), "writeConstraint"),
        (on("Task", writeConstraint=[{"expression": "'not closed"}]), "writeConstraint"),
        (on("Task", writeConstraint=[{"expression": ""}]), "writeConstraint"),
        (on("Task", writeConstraint=[{"expression": "%after.owner.reference = %owner"}]), "writeConstraint"),
        (on("Task", writeConstraint=["%after.status.exists()"]), "writeConstraint"),
        (on("Task", writeConstraint={"expression": "true"}), "writeConstraint"),
    ],
)
def test_entries_that_can_not_be_enforced_are_refused_by_name(entry: Resource, element: str) -> None:
    assert refused(a_policy(entry)).expression[0].startswith(f"AccessPolicy.resource[0].{element}")


@pytest.mark.parametrize(
    "body", [[], "all", {"resourceType": "Patient"}, {"resourceType": "AccessPolicy", "resource": {}}]
)
def test_ac12_what_is_no_policy_is_refused(body: Any) -> None:
    assert refused(body).status == 400


@pytest.mark.parametrize("body", [None, a_policy()])
def test_ac11_without_a_policy_everything_is_403(body: Resource | None) -> None:
    alice = person("alice", body)
    assert alice.may() == {}
    assert alice.reads(T + "T1", HOMER, "Task/r1", "Binary/b1") == [403] * 4
    assert alice.finds("Communication") == alice.creates(header(HOMER, ALICE)) == alice.updates(T + "T1") == 403
    assert alice.deletes(T + "d1") == alice.versions(T + "T1") == 403


def test_ac14_an_entry_that_opens_a_whole_type_is_pointed_out() -> None:
    found = policy.compile(
        a_policy("Communication?recipient=%profile", on("Task"), on("Patient", id="all", readonly=True))
    )
    assert found.warnings == ("Task opens every Task of the practice", "all opens every Patient of the practice")


def test_following_and_files_open_no_whole_type() -> None:
    found = policy.compile(a_policy(on("Task", follows="focus"), on("Binary", interaction=["read"])))
    assert found.warnings == ()


@pytest.mark.parametrize("name", [name for name in SHIPPED if name])
def test_a_shipped_policy_compiles(name: str) -> None:
    assert policy.compile(SHIPPED[name]).name


KEPT = {
    ("patient", "Practitioner"): "name",
    ("patient", "Organization"): "name telecom",
    ("patient", "RelatedPerson"): "name relationship patient active",
    ("patient", "CareTeam"): "name status subject participant",
    ("patient", "Task"): "status code focus owner intent",
    ("carer", "Practitioner"): "name",
    ("carer", "Organization"): "name telecom",
    ("carer", "RelatedPerson"): "name relationship patient active",
    ("carer", "CareTeam"): "name status subject participant",
    ("carer", "Task"): "status code focus owner intent",
    ("carer", "Patient"): "name birthDate",
    ("clinician", "Practitioner"): "name active telecom photo qualification identifier",
    ("supervisor", "Patient"): "name birthDate identifier active",
    ("supervisor", "Practitioner"): "name active qualification",
    ("supervisor", "RelatedPerson"): "name relationship patient active",
    ("auditor", "Practitioner"): "name active",
    ("auditor", "Patient"): "name",
    ("auditor", "RelatedPerson"): "name patient",
    ("auditor", "Organization"): "name",
    ("client", "Practitioner"): "name active telecom identifier",
}


@pytest.mark.parametrize(("name", "type"), KEPT)
def test_a_directory_shows_the_kept_elements_of_r4_and_no_other(name: str, type: str) -> None:
    entries = policy.compile(SHIPPED[name]).allowing(type, "read")
    shape = policy.r4data.shape(type)
    assert shape is not None
    shown = {one for one in shape.elements if not all(policy.hides(entry.hidden, one) for entry in entries)}
    assert shown == {"id", "meta", *KEPT[name, type].split()}


def test_a_field_is_hidden_only_if_every_admitting_entry_hides_it() -> None:
    wide = on("Communication", criteria="Communication?recipient=%profile", hiddenFields=["note", "topic"])
    narrow = on("Communication", criteria="Communication?sender=%profile", hiddenFields=["note", "sent"])
    both = person("alice", a_policy(wide, narrow))
    one = person("alice", a_policy(wide))
    assert {"topic", "sent"} <= both.shows(T + "T1")
    assert "topic" not in one.shows(T + "T1")
    assert "note" not in both.shows(T + "T1")


def test_a_hidden_choice_hides_every_type_of_it_and_what_stands_beside() -> None:
    hidden = a_policy(on("Patient", hiddenFields=["deceased[x]", "birthDate"]))
    entry = policy.compile(hidden).allowing("Patient", "read")[0]
    patient = {"deceasedBoolean": True, "_deceasedBoolean": {}, "birthDate": "2000", "_birthDate": {}, "gender": "male"}
    assert policy.visible(patient, entry.hidden) == {"gender": "male"}


@DB
def test_an_entry_that_can_admit_nothing_shows_no_field_that_others_hide(clinic: Clinic) -> None:
    hiding = on("Task", criteria="Task?owner=%profile", hiddenFields=["priority"])
    dead = on("Task", follows="focus")
    alice = clinic.person(a_policy(hiding, dead), ALICE)
    assert "priority" not in alice.shows("Task/r1")
    assert alice.finds("Task", ("priority", "routine")) == []
    assert clinic.person(a_policy(hiding), ALICE).finds("Task", ("priority", "routine")) == 400


@DB
@pytest.mark.parametrize("criteria", ["Task?performer:not=%roles", "Communication?part-of:not=%poolThreads"])
def test_an_empty_parameter_admits_nothing_also_where_it_is_negated(clinic: Clinic, criteria: str) -> None:
    type = criteria.partition("?")[0]
    some = clinic.person(a_policy(criteria), "Practitioner/nora").finds(type)
    assert isinstance(some, list)
    assert len(some) > 3
    assert clinic.person(a_policy(criteria), ALICE).finds(type) == []
    assert person("alice", a_policy(criteria)).finds(type) == []


@DB
@pytest.mark.parametrize("values", ["%profile", "Patient/homer,%profile", "%patients"])
def test_a_list_of_values_means_any_of_them(clinic: Clinic, values: str) -> None:
    found = clinic.person(a_policy(f"Communication?recipient={values}&part-of:missing=true"), ALICE).finds(
        "Communication"
    )
    wanted = {"%profile": {ALICE}, "Patient/homer,%profile": {ALICE, HOMER}, "%patients": set()}[values]
    headers = [one for one in clinic.all_of("Communication") if "partOf" not in one]
    visible = [one for one in headers if one["status"] != "preparation" or one["sender"]["reference"] == ALICE]
    to = {one["id"]: {to["reference"] for to in one.get("recipient", [])} for one in visible}
    assert found == sorted(id for id, recipients in to.items() if recipients & wanted)


PARTICIPANT = a_policy("Communication?recipient=%profile", "Communication?sender=%profile", name="Participants")
"""As the messaging guides write it."""


@DB
def test_the_participant_policy_of_the_guides_works_as_it_is_written(clinic: Clinic) -> None:
    alice, charlie = clinic.person(PARTICIPANT, ALICE), clinic.person(PARTICIPANT, "Practitioner/charlie")
    assert alice.reads(T + "T1", T + "m1", T + "m3", T + "TL") == [200] * 4
    assert charlie.reads(T + "T1", T + "m1") == [404, 404]
    assert alice.creates(header(HOMER, ALICE, subject=None, recipient=refs(ALICE))) == 201
    assert alice.creates(header(ALICE, sender=ref(BOB), recipient=None, subject=None)) == 403
    assert alice.reads(HOMER) == 403
    assert charlie.finds("Communication") == []


@DB
def test_under_the_participant_policy_too_notes_and_drafts_and_earlier_texts_are_kept(clinic: Clinic) -> None:
    alice, bob, homer = (clinic.person(PARTICIPANT, one) for one in (ALICE, BOB, HOMER))
    assert bob.reads(T + "d1") == 404
    clinic.change(T + "m3", status="entered-in-error", payload=None)
    assert bob.versions(T + "m3") == homer.versions(T + "m3") == ["2"]
    assert alice.versions(T + "m3") == ["2", "1"]
    assert homer.vread(T + "m3", "1") == 404
    assert alice.vread(T + "m3", "1") == 200
    note = message("T1", category=[{"coding": [{"code": "internal"}]}], recipient=refs(HOMER), subject=None)
    assert alice.creates(note) == 422


@DB
def test_the_supervisor_policy_of_the_guides_works_as_it_is_written(clinic: Clinic) -> None:
    body = a_policy(on("Communication", readonly=True), on("Task", readonly=True))
    sam = clinic.person(body, "Practitioner/sam")
    assert sam.may() == {"Communication": "rvsh", "Task": "rvsh"}
    assert sam.reads(T + "T1", T + "m2", T + "T3", "Task/r1") == [200] * 4
    assert sam.reads(T + "d1") == 404
    assert sam.reads(T + "TD") == 404
    assert SHIPPED["supervisor-literal"] is not None
    assert SHIPPED["supervisor-literal"]["resource"] == body["resource"]


@DB
def test_a_bare_entry_for_files_opens_no_file(clinic: Clinic) -> None:
    charlie = clinic.person(a_policy(on("Binary"), "Communication?recipient=%profile"), "Practitioner/charlie")
    assert charlie.reads("Binary/b1", "Binary/b2", "Binary/b3", "Binary/b-new") == [404] * 4
    assert charlie.updates("Binary/b1", contentType="text/html", data="aGk=") == 404
    assert charlie.deletes("Binary/b1") == 404
    assert charlie.finds("Binary") == 400


@DB
def test_ac46_nobody_says_what_a_file_belongs_to_but_the_system(clinic: Clinic) -> None:
    bob = clinic.person(a_policy(on("Binary"), on("Patient"), "Communication?recipient=%profile"), BOB)
    assert bob.reads("Binary/b1") == 200
    assert bob.updates("Binary/b1", securityContext=ref(HOMER)) == 403
    assert bob.updates("Binary/b1", securityContext=None) == 403
    assert clinic.current("Binary/b1")["securityContext"] == ref(T + "m1")


@DB
@pytest.mark.parametrize("profile", [MARGE_HOMER, MARGE_BART])
def test_the_parameter_of_the_chosen_profile_is_not_that_of_the_account(clinic: Clinic, profile: str) -> None:
    def found(parameter: str) -> set[str]:
        someone = clinic.person(a_policy(f"Communication?sender={parameter}"), profile, MARGE_HOMER, MARGE_BART)
        return set(someone.search("Communication"))

    mine = {one["id"] for one in clinic.all_of("Communication") if one["sender"]["reference"] == profile}
    assert found("%profile") == mine
    assert mine < found("%profiles")
