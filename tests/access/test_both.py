"""Two policies at once: an app that acts for a person may do what both its policy and theirs allow, and no more."""

from itertools import product
from typing import Any

import pytest

from inbox.fhir import outcome, policy
from inbox.fhir.types import Resource

from . import world
from .conftest import SHIPPED, shipped
from .judges import person
from .people import Person
from .test_policies import a_policy, on
from .world import ALICE, BOB, HOMER, MARGE_BART, MARGE_HOMER, message, note, task

WHO = ["alice", "homer", "marge"]
POLICIES = {name: body for name, body in {**SHIPPED, "integration": shipped("integration")}.items() if name}
TYPES = ["Communication", "Task", "Patient", "Practitioner", "Provenance", "Encounter", "DocumentReference"]
PAIRS = [(who, one, other) for who in WHO for one, other in product(POLICIES, POLICIES) if one <= other]


def all_seen(actor: Person) -> dict[str, Resource]:
    """Everything that somebody finds, as they see it."""
    found: dict[str, Resource] = {}
    for type in TYPES:
        try:
            found |= {f"{type}/{id}": actor.read(f"{type}/{id}") for id in actor.search(type)}
        except outcome.FHIRError:
            continue
    return found


def allowed(actor: Person, write: Resource) -> bool:
    """Whether somebody may create this."""
    try:
        actor.create(write)
    except outcome.FHIRError:
        return False
    return True


@pytest.mark.parametrize(("who", "one", "other"), PAIRS)
def test_ac73_what_is_seen_under_both_is_what_is_seen_under_each(who: str, one: str, other: str) -> None:
    first, second = (all_seen(person(who, POLICIES[name])) for name in (one, other))
    seen = all_seen(person(who, policy.both(POLICIES[one], POLICIES[other])))
    assert seen.keys() == first.keys() & second.keys()
    for reference, resource in seen.items():
        assert resource.keys() == first[reference].keys() & second[reference].keys(), reference


WRITES = [
    message("T1", ALICE, BOB, HOMER),
    message("T1", ALICE, BOB, sender=world.ref(BOB)),
    message("T1", ALICE, BOB, HOMER, sender=world.ref(HOMER)),
    message("T1", ALICE, BOB, status="preparation"),
    note("T1", ALICE, BOB),
    world.header(ALICE, BOB),
    world.header(ALICE, HOMER, sender=world.ref(HOMER)),
    world.header(MARGE_BART, MARGE_HOMER, sender=world.ref(MARGE_BART), subject=world.ref(world.BART)),
    task("T1"),
    {"resourceType": "Patient", "active": True},
    {"resourceType": "CareTeam", "status": "active"},
]


@pytest.mark.parametrize(("who", "one", "other"), PAIRS)
def test_ac73_what_is_written_under_both_could_be_written_under_each(who: str, one: str, other: str) -> None:
    together = policy.both(POLICIES[one], POLICIES[other])
    for write in WRITES:
        each = [allowed(person(who, POLICIES[name]), write) for name in (one, other)]
        assert allowed(person(who, together), write) == all(each), write


def test_neither_order_nor_repetition_matters() -> None:
    for one, other in (("clinician", "client"), ("patient", "carer"), ("supervisor", "clinician")):
        first, second = policy.both(POLICIES[one], POLICIES[other]), policy.both(POLICIES[other], POLICIES[one])
        assert all_seen(person("alice", first)) == all_seen(person("alice", second))
    assert policy.both(POLICIES["clinician"], POLICIES["clinician"]) == POLICIES["clinician"]


def test_no_policy_and_any_policy_is_none() -> None:
    assert policy.both(None, POLICIES["client"]) is policy.both(POLICIES["client"], None) is policy.both(None, None)
    assert policy.both(None, None) is None


def test_the_parts_of_two_entries_are_joined() -> None:
    first = on(
        "Communication",
        id="a",
        criteria="Communication?recipient=%profile&part-of:missing=true",
        hiddenFields=["note", "text"],
        readonlyFields=["sender"],
        handover=["recipient", "status"],
        writeConstraint=[{"language": "text/fhirpath", "expression": "%after.sender.exists()"}],
    )
    second = on(
        "Communication",
        id="b",
        criteria="Communication?part-of:missing=true&status=completed",
        interaction=["read", "update", "create"],
        hiddenFields=["text", "about"],
        readonlyFields=["topic"],
        handover=["status"],
        writeConstraint=[{"language": "text/fhirpath", "expression": "%after.topic.exists()"}],
    )
    joined = policy.compile(policy.both(a_policy(first, on("Patient")), a_policy(second, on("Task"))))
    (entry,) = joined.entries["Communication"]
    assert joined.entries.keys() == {"Communication"}
    assert [one.code for one in entry.criteria] == ["recipient", "part-of", "status"]
    assert entry.interactions == {"read", "update", "create"}
    assert entry.hidden == {"note", "text", "about"}
    assert entry.readonly == ("sender", "topic")
    assert entry.constraints == ("%after.sender.exists()", "%after.topic.exists()")
    assert entry.handover == {"status"}


@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [("", "", [""]), ("part-of", "", ["part-of"]), ("part-of", "part-of", ["part-of"]), ("part-of", "encounter", [])],
)
def test_entries_that_follow_different_references_do_not_join(one: str, other: str, kept: list[str]) -> None:
    policies: list[Any] = [
        a_policy(on("Communication", criteria=f"Communication?status={status}", follows=follows))
        for status, follows in (("completed", one), ("in-progress", other))
    ]
    found = policy.compile(policy.both(*policies)).entries.get("Communication", ())
    assert [entry.follows for entry in found] == kept


def test_a_policy_that_can_not_be_enforced_joins_none() -> None:
    with pytest.raises(outcome.Invalid):
        policy.both(POLICIES["client"], a_policy("Communication?colour=red"))
    with pytest.raises(outcome.Invalid):
        policy.both(None, a_policy("Communication?colour=red"))
