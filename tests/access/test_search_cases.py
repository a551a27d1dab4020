"""The access cases of searching: through references, with includes, in parts, page by page; named after their case.

What somebody finds through a reference must be what they would find step by step, by two plain searches.
"""

import itertools
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inbox.fhir import searchparams
from inbox.fhir.repository import Page
from inbox.fhir.types import Params, Resource

from .conftest import Clinic
from .people import Person, status
from .world import ALICE, BOB, HOMER, NED, PEOPLE, code, note, ref, resource

pytestmark = pytest.mark.django_db(databases="__all__")
T = "Communication/"
WHO = [name for name in PEOPLE if name != "nobody"]

CHAINS = [
    ("Communication", "part-of", "Communication", "subject", HOMER),
    ("Communication", "part-of", "Communication", "category", "internal"),
    ("Communication", "part-of", "Communication", "category:not", "internal"),
    ("Communication", "part-of", "Communication", "encounter:missing", "false"),
    ("Communication", "part-of", "Communication", "status", "entered-in-error,in-progress"),
    ("Communication", "part-of", "Communication", "_id", "T1,T3"),
    ("Communication", "subject", "Patient", "name", "ned"),
    ("Communication", "subject", "Patient", "gender", "male"),
    ("Communication", "subject", "Patient", "identifier", "mrn-ned"),
    ("Communication", "sender", "Practitioner", "name", "a"),
    ("Communication", "sender", "Practitioner", "phone", "555-0100"),
    ("Communication", "recipient", "Practitioner", "identifier", "alice"),
    ("Communication", "encounter", "Encounter", "status", "planned"),
    ("Task", "focus", "Communication", "subject", HOMER),
    ("Task", "focus", "Communication", "category", "internal"),
    ("Task", "focus", "Communication", "_id:not", "T1"),
    ("Task", "owner", "Practitioner", "name", "bob"),
    ("Provenance", "target", "Communication", "category", "internal"),
    ("DocumentReference", "subject", "Patient", "name", "homer"),
    ("PractitionerRole", "practitioner", "Practitioner", "name", "nora"),
]
REVERSED = [
    ("Communication", "Communication", "part-of", "category", "internal"),
    ("Communication", "Communication", "part-of", "_id:not", "null"),
    ("Communication", "Communication", "part-of", "_id", "m2"),
    ("Communication", "Communication", "part-of", "sender", ALICE),
    ("Communication", "Communication", "part-of", "status", "preparation"),
    ("Communication", "Task", "focus", "status", "requested"),
    ("Communication", "Task", "focus", "owner", BOB),
    ("Communication", "Provenance", "target", "agent", BOB),
    ("Patient", "Communication", "subject", "category", "internal"),
    ("Patient", "Communication", "subject", "_id", "T2"),
    ("Patient", "RelatedPerson", "patient", "name", "maude"),
    ("Patient", "RelatedPerson", "patient", "gender:missing", "true"),
    ("Practitioner", "Communication", "sender", "status", "preparation"),
    ("Practitioner", "Task", "owner", "code:not", "x"),
    ("Schedule", "Slot", "schedule", "status", "busy-unavailable"),
]


def targets(clinic: Clinic, found: list[str], type: str, code: str) -> dict[str, set[str]]:
    """What each of these resources refers to by a parameter."""
    everything = {one["id"]: one for one in clinic.all_of(type)}
    return {id: {target for _, target in searchparams.references(everything[id], code)} for id in found}


@pytest.mark.parametrize("who", [name for name in WHO if PEOPLE[name][0] == 1])
def test_ac23_a_chain_finds_what_two_plain_searches_find(clinic: Clinic, who: str) -> None:
    person, hits = clinic[who], 0
    for type, param, linked, inner, value in CHAINS:
        first = person.finds(linked, (inner, value))
        second = person.finds(type, (f"{param}:missing", "false"))
        wanted: Any = second
        if isinstance(second, list):
            # A type that may not be searched at all is as good as empty; what is hidden is refused.
            there = {f"{linked}/{id}" for id in first} if isinstance(first, list) else set()
            wanted = (
                400
                if first == 400
                else [id for id, found in targets(clinic, second, type, param).items() if found & there]
            )
        found = person.finds(type, (f"{param}:{linked}.{inner}", value))
        assert found == wanted, (type, param, inner, value)
        hits += len(found) if isinstance(found, list) else 0
    assert hits or who in ("literal supervisor", "charlie", "client")


@pytest.mark.parametrize("who", [name for name in WHO if PEOPLE[name][0] == 1])
def test_ac23_what_refers_to_something_counts_only_where_it_would_be_found(clinic: Clinic, who: str) -> None:
    person = clinic[who]
    for type, linked, param, inner, value in REVERSED:
        everything = person.finds(type)
        wanted: Any = everything
        first = person.finds(linked, (inner, value), (f"{param}:missing", "false"))
        if isinstance(everything, list):
            there = targets(clinic, first, linked, param).values() if isinstance(first, list) else []
            named = set(itertools.chain.from_iterable(there))
            wanted = 400 if first == 400 else [id for id in everything if f"{type}/{id}" in named]
        assert person.finds(type, (f"_has:{linked}:{param}:{inner}", value)) == wanted, (type, linked, inner, value)


def test_ac23_someone_elses_patient_is_no_match(clinic: Clinic) -> None:
    homer = clinic["homer"]
    assert clinic["supervisor"].search("Communication", ("subject.name", "Ned"))
    for query in ("Ned", "Nobody at all"):
        page = homer.connect().search("Communication", [("subject.name", query), ("_total", "accurate")])
        assert (page.resources, page.total) == ([], 0)
    assert homer.search("Communication", ("subject.name", "Homer"))


def test_ac23_a_type_that_may_not_be_searched_is_as_good_as_empty(clinic: Clinic) -> None:
    homer = clinic["homer"]
    assert homer.finds("Provenance") == 403
    assert clinic["alice"].finds("Communication", ("_has:Provenance:target:agent", BOB)) == ["T2"]
    assert homer.finds("Communication", ("_has:Provenance:target:agent", BOB)) == []
    assert homer.finds("Communication", ("_has:Provenance:target:_id:not", "null")) == []


def test_ac25_what_is_hidden_is_not_searched_through_a_reference(clinic: Clinic) -> None:
    for query in (
        ("sender:Practitioner.birthdate", "1970-01-01"),
        ("sender:Practitioner.phone", "555-0100"),
        ("_has:Communication:part-of:encounter", "Encounter/visit"),
        ("encounter:Encounter.status", "planned"),
        ("part-of:Communication.encounter:missing", "true"),
    ):
        # A draft of one's own hides nothing, and homer has one: it is all that is looked at.
        found = clinic["homer"].finds("Communication", query)
        assert found in (400, [], ["d-homer"], ["d-thread-homer"]), query
    assert clinic["auditor"].finds("Communication", ("category:text", "internal")) == 400
    assert clinic["homer"].finds("Practitioner", ("identifier:text", "x")) == 400
    assert clinic["auditor"].finds("Communication", ("part-of:Communication.category", "internal")) == 400
    assert clinic["auditor"].finds("Task", ("focus:Communication.category", "internal")) == 400
    assert clinic["auditor"].finds("Patient", ("_has:Communication:subject:category", "internal")) == 400


def test_ac25_a_hidden_reference_is_not_followed_from_either_end(clinic: Clinic) -> None:
    hiding = {"resourceType": "Communication", "hiddenFields": ["encounter"]}
    showing = {"resourceType": "Communication", "criteria": "Communication?_id=T2"}
    assert clinic.current(T + "T1")["encounter"] == clinic.current(T + "T2")["encounter"]
    for entries, wanted in (([hiding], 400), ([hiding, showing], ["T2"])):
        policy = {"resourceType": "AccessPolicy", "resource": [*entries, {"resourceType": "Encounter"}]}
        reader = clinic.person(policy, ALICE)
        assert reader.can(T + "T1")
        assert reader.finds("Communication", ("encounter:Encounter.status", "planned")) == wanted
        backwards = [reader.finds("Encounter", ("_has:Communication:encounter:_id", id)) for id in ("T1", "T2")]
        assert backwards == ([400, 400] if wanted == 400 else [[], ["visit"]])


def answers(person: Person, params: Params) -> list[Page]:
    asked: list[Params] = [
        params,
        [*params, ("_total", "accurate"), ("_count", "3")],
        [*params, ("_summary", "count")],
        [*params, ("_total", "estimate"), ("_sort", "category,-sent")],
    ]
    return [person.connect().search("Communication", one) for one in asked]


TOLD: list[Params] = [
    [("part-of:Communication.subject", HOMER)],
    [("_has:Communication:part-of:_id", "new-note")],
    [("_has:Communication:part-of:identifier", "43")],
    [("_has:Communication:part-of:sent", "ge2026-10-01")],
    [("_has:Communication:part-of:category:text", "hush")],
    [("category:text", "hush")],
    [("_id", "T1"), ("_revinclude", "Communication:part-of")],
    [("_id", "m3"), ("_include:iterate", "Communication:part-of"), ("_revinclude:iterate", "Communication:part-of")],
]
"""Searches of which a new note changes the answer for those who may read it."""


@pytest.mark.parametrize("params", TOLD, ids=str)
def test_ac22_a_note_changes_no_answer_of_who_may_not_read_it(clinic: Clinic, params: Params) -> None:
    before = {who: answers(clinic[who], params) for who in ("bob", "homer", "marge", "charlie", "ned")}
    identifier = [{"system": "https://clinic.example/sent", "value": "43"}]
    written = note("T1", BOB, id="new-note", identifier=identifier, sent="2026-11-01T00:00:00Z")
    clinic.put({**written, "category": [{**code("internal"), "text": "Hush"}]})
    after = {who: answers(clinic[who], params) for who in before}
    assert [who for who in before if before[who] != after[who]] == ["bob"]


def test_ac22_going_on_from_message_to_thread_and_back_leaves_the_note_out(clinic: Clinic) -> None:
    around: Params = [("_id", "m1"), ("_include:iterate", "Communication:part-of")]
    around.append(("_revinclude:iterate", "Communication:part-of"))
    found = {who: clinic[who].connect().search("Communication", around).included for who in ("homer", "alice")}
    ids = {who: {one["id"] for one in included} for who, included in found.items()}
    assert {"T1", "m3"} <= ids["homer"]
    assert not {"m2", "m7", "m8", "m9"} & ids["homer"]
    assert {"m2", "T1"} <= ids["alice"]


INCLUDES: list[tuple[str, Params]] = [
    ("Communication", [("_include", "Communication:sender"), ("_include", "Communication:recipient")]),
    ("Communication", [("_include", "Communication:subject"), ("_include", "Communication:encounter")]),
    ("Communication", [("_include", "Communication:part-of"), ("_revinclude", "Communication:part-of")]),
    ("Communication", [("_revinclude", "Task:focus"), ("_revinclude", "Provenance:target")]),
    ("Task", [("_include", "Task:focus"), ("_include", "Task:owner"), ("_include:iterate", "Communication:sender")]),
    ("Patient", [("_revinclude", "Communication:subject"), ("_revinclude", "RelatedPerson:patient")]),
    ("Practitioner", [("_revinclude", "Communication:sender"), ("_revinclude", "Task:owner")]),
]


@pytest.mark.parametrize("who", WHO)
def test_ac21_what_comes_along_is_what_reading_it_shows(clinic: Clinic, who: str) -> None:
    person = clinic[who]
    for type, params in INCLUDES:
        if not person.connect().may("search", type):
            continue
        page = person.connect().search(type, [*params, ("_count", "1000")])
        seen = {f"{one['resourceType']}/{one['id']}" for one in page.resources}
        for one in page.included:
            reference = f"{one['resourceType']}/{one['id']}"
            assert reference not in seen
            assert one == person.read(reference)
            assert one["id"] in person.search(one["resourceType"], ("_id", one["id"]))


@pytest.mark.parametrize("who", ["alice", "homer", "marge", "supervisor", "client"])
def test_ac21_all_that_may_be_seen_does_come_along(clinic: Clinic, who: str) -> None:
    person = clinic[who]
    params: Params = [("_include", "Communication:sender"), ("_include", "Communication:recipient"), ("_count", "1000")]
    page = person.connect().search("Communication", params)
    named = {
        place["reference"]
        for one in page.resources
        for place in [one.get("sender", {}), *one.get("recipient", [])]
        if "reference" in place
    }
    included = {f"{one['resourceType']}/{one['id']}" for one in page.included}
    assert included == {one for one in named if person.can(one)}
    assert included


def test_ac21_a_reference_in_a_hidden_field_leads_nowhere(clinic: Clinic) -> None:
    params: Params = [("_id", "T1"), ("_include", "Communication:encounter")]
    assert clinic.current(T + "T1")["encounter"]
    assert [one["id"] for one in clinic["alice"].connect().search("Communication", params).included] == ["visit"]
    entries = [{"resourceType": "Communication", "hiddenFields": ["encounter"]}, {"resourceType": "Encounter"}]
    reader = clinic.person({"resourceType": "AccessPolicy", "resource": entries}, HOMER)
    page = reader.connect().search("Communication", params)
    assert ([one["id"] for one in page.resources], page.included, page.warnings) == (["T1"], [], [])
    assert reader.can("Encounter/visit")


def test_ac18_an_estimate_is_never_given(clinic: Clinic) -> None:
    for params in ([("subject.name", "Ned")], [("_revinclude", "Task:focus")], [("part-of:Communication._id", "T1")]):
        assert clinic["homer"].connect().search("Communication", [*params, ("_total", "estimate")]).total is None


@pytest.mark.parametrize("sort", ["-_lastUpdated", "sent", "_id", "category,-sent"])
def test_ac28_the_token_of_another_reader_gives_what_one_may_see_oneself(clinic: Clinic, sort: str) -> None:
    for reader in ("homer", "charlie", "marge"):
        own = clinic[reader].search("Communication")
        token = clinic["supervisor"].connect().search("Communication", [("_sort", sort), ("_count", "4")]).next
        page = clinic[reader].connect().search("Communication", [("_sort", sort), ("_cursor", token), ("_count", "50")])
        assert {one["id"] for one in page.resources} <= set(own)
    assert (
        status(lambda: clinic["dora"].connect().search("Communication", [("_sort", sort), ("_cursor", token)])) == 400
    )


PARTS: list[Params] = [
    [("_summary", "true")],
    [("_summary", "text")],
    [("_summary", "data")],
    [("_elements", "note,encounter,extension,text,payload")],
    [("_elements", "id")],
]


def contained(part: Resource, whole: Resource) -> bool:
    """Whether a part of a resource holds nothing that is not in the whole."""
    return all(value == whole.get(name) for name, value in part.items() if name != "meta")


@pytest.mark.parametrize("who", ["alice", "homer", "marge", "auditor", "supervisor"])
def test_ac29_a_part_shows_nothing_that_the_whole_does_not(clinic: Clinic, who: str) -> None:
    person = clinic[who]
    for params in PARTS:
        for one in person.connect().search("Communication", [*params, ("_count", "1000")]).resources:
            assert contained(one, person.read(T + one["id"]))


def test_ac29_what_is_hidden_stays_hidden_even_where_it_is_mandatory(clinic: Clinic) -> None:
    hidden = ["status", "note", "intent", "text"]
    policy = {"resourceType": "AccessPolicy", "resource": [{"resourceType": "Task", "hiddenFields": hidden}]}
    reader = clinic.person(policy, ALICE)
    assert {"status", "intent", "note"} <= set(clinic.current("Task/r2"))
    for params in (*PARTS[:3], [("_elements", "status,note,intent,focus")], [("_elements", "id")]):
        (found,) = reader.connect().search("Task", [("_id", "r2"), *params]).resources
        assert not set(found) & set(hidden)


def test_a_policy_names_conditions_only(clinic: Clinic) -> None:
    for criteria in ("_include=Task:focus", "_sort=_id", "_count=5", "_elements=id", "_summary=count"):
        entry = {"resourceType": "Task", "criteria": f"Task?{criteria}"}
        reader = clinic.person({"resourceType": "AccessPolicy", "resource": [entry]}, ALICE)
        assert reader.finds("Task") == 400


def test_a_follower_is_linked_to_as_it_is_found(clinic: Clinic) -> None:
    """An entry that follows (Task by focus) holds inside a link as it does outside."""
    alice = clinic["alice"]
    for type, param, inner, value in (("Communication", "focus", "_id", "r1"), ("Communication", "focus", "_id", "p1")):
        tasks = alice.finds("Task", (inner, value))
        assert bool(alice.finds(type, (f"_has:Task:{param}:{inner}", value))) == bool(tasks)
    clinic.put(resource("Task", "of-ned", status="requested", intent="order", focus=ref(T + "T3"), owner=ref(NED)))
    assert alice.finds("Communication", ("_has:Task:focus:owner", NED)) == []
    assert clinic["supervisor"].finds("Communication", ("_has:Task:focus:owner", NED)) == ["T3"]


@pytest.mark.parametrize("who", ["alice", "nora", "homer", "marge", "supervisor", "client"])
def test_a_search_keeps_to_its_budget_of_statements(clinic: Clinic, who: str) -> None:
    """Four, and one for each include, whatever the policy computes first."""
    asked: list[tuple[str, Params, int]] = [
        ("Communication", [("recipient", HOMER), ("part-of:missing", "true"), ("_total", "accurate")], 0),
        ("Communication", [("part-of:Communication.subject", HOMER), ("_sort", "category,-sent")], 0),
        ("Task", [("focus:Communication.subject", HOMER), ("_include", "Task:focus"), ("_total", "accurate")], 1),
        ("Communication", [("_has:Task:focus:status", "requested"), ("_revinclude", "Communication:part-of")], 1),
        ("Communication", [("_include", "Communication:recipient"), ("_include", "Communication:sender")], 2),
    ]
    for type, params, along in asked:
        repo = clinic[who].connect()
        with CaptureQueriesContext(connection) as captured:
            repo.search(type, params)
        assert len(captured) <= 4 + along, (params, [one["sql"] for one in captured.captured_queries])
