"""JSON Patch: all operations or none, what the guides do beside RFC 6902, and nothing that makes another resource."""

import copy
from typing import Any

import pytest

from inbox.fhir import outcome, patches
from inbox.fhir.repository import Repository
from inbox.fhir.types import Operations, Resource
from inbox.models import Practice
from tests import invariants
from tests.fhir.conftest import back_end

TASK: Resource = {
    "resourceType": "Task",
    "id": "1",
    "meta": {"versionId": "3", "lastUpdated": "2026-01-01T00:00:00Z"},
    "status": "requested",
    "intent": "order",
    "code": {"coding": [{"system": "urn:codes", "code": "answer"}]},
    "contained": [{"resourceType": "Patient", "id": "p"}],
}


def op(op: str, path: str, *value: Any, **more: Any) -> dict[str, Any]:
    return {"op": op, "path": path, **({"value": value[0]} if value else {}), **more}


def patched(*operations: Any) -> Resource:
    return patches.apply(TASK, list(operations))


def test_operations_follow_each_other_and_leave_the_original_as_it_was() -> None:
    before = copy.deepcopy(TASK)
    after = patched(
        op("test", "/status", "requested"),
        op("replace", "/status", "in-progress"),
        op("add", "/code/coding/0", {"code": "first"}),
        op("copy", "/description", **{"from": "/code/coding/0/code"}),
        op("move", "/code/text", **{"from": "/code/coding/1/code"}),
        op("remove", "/contained/0"),
    )
    assert after["status"] == "in-progress"
    assert after["code"] == {"coding": [{"code": "first"}, {"system": "urn:codes"}], "text": "answer"}
    assert after["description"] == "first"
    assert before == TASK


def test_a_list_that_lost_its_last_item_is_left_out() -> None:
    assert "contained" not in patched(op("remove", "/contained/0"))
    assert "code" in patched(op("add", "/note", []), op("remove", "/contained/0"))


@pytest.mark.parametrize("path", ["/owner", "/description", "/code/text"])
def test_replace_of_an_absent_member_adds_it(path: str) -> None:
    assert patches._at(patched(op("replace", path, "x")), path[1:].split("/")) == "x"


@pytest.mark.parametrize(
    ("path", "list"),
    [
        ("/note/-", "note"),
        ("/performerType/-", "performerType"),
        ("/meta/tag/-", "meta.tag"),
        ("/contained/0/name/-", "contained.0.name"),
        ("/code/coding/0/extension/-", "code.coding.0.extension"),
    ],
)
def test_adding_to_an_absent_list_makes_it_where_r4_has_a_list(path: str, list: str) -> None:
    assert patches._at(patched(op("add", path, {"text": "x"})), list.split(".")) == [{"text": "x"}]


FAILING: dict[str, tuple[Any, str]] = {
    "an absent member": (op("remove", "/owner"), "Task.owner"),
    "a member of an absent one": (op("replace", "/owner/reference", "x"), "Task.owner.reference"),
    "the end of an absent list": (op("add", "/owner/-", "x"), "Task.owner"),
    "the end of a list that R4 does not have": (op("add", "/nonsense/-", "x"), "Task.nonsense"),
    "an item beyond the end": (op("add", "/code/coding/2", {}), "Task.code.coding[2]"),
    "an item that is no number": (op("replace", "/code/coding/01", {}), "Task.code.coding[01]"),
    "the place after the end": (op("replace", "/code/coding/-", {}), "Task.code.coding"),
    "a text inside": (op("add", "/status/0", "x"), "Task.status[0]"),
    "a test that fails": (op("test", "/status", "requested"), "Task.status"),
    "a test of what is absent": (op("test", "/owner", None), "Task.owner"),
    "a test of another type": (op("test", "/code/coding/0/code", 1), "Task.code.coding[0].code"),
    "a value that is missing": (op("add", "/description"), "Task.description"),
    "an unknown operation": (op("append", "/description", "x"), "Task.description"),
    "no operation": ({"path": "/description"}, "Task.description"),
    "no path": ({"op": "add", "value": 1}, "Task"),
    "a path that is none": (op("add", "description", "x"), "Task"),
    "a path that is no text": (op("add", 5, "x"), "Task"),  # type: ignore[arg-type]
    "a wrong escape": (op("add", "/~2", "x"), "Task"),
    "not an object": ("x", "Task"),
    "nothing": (None, "Task"),
    "a move into itself": (op("move", "/code/x", **{"from": "/code"}), "Task.code.x"),
    "a move of what is absent": (op("move", "/owner", **{"from": "/requester"}), "Task.owner"),
    "a copy from no path": (op("copy", "/owner", **{"from": 5}), "Task.owner"),
    "the whole of it": (op("remove", ""), "Task"),
    "another id": (op("replace", "/id", "2"), "Task.id"),
    "no id": (op("remove", "/id"), "Task.id"),
    "another type": (op("replace", "/resourceType", "Patient"), "Task.resourceType"),
    "another version": (op("replace", "/meta/versionId", "9"), "Task.meta.versionId"),
    "another time": (op("add", "/meta/lastUpdated", "2020-01-01T00:00:00Z"), "Task.meta.lastUpdated"),
    "no version": (op("remove", "/meta"), "Task.meta"),
    "another resource": (op("replace", "", {"resourceType": "Task", "id": "2"}), "Task"),
    "no resource": (op("replace", "", 5), "Task"),
    "too deep": (op("add", "/a" * 65, 1), "Task" + ".a" * 65),
}


@pytest.mark.parametrize("name", FAILING)
def test_the_operation_that_fails_is_named_by_number_and_element(name: str) -> None:
    operation, expression = FAILING[name]
    with pytest.raises(outcome.Invalid, match=r"Operation 1( \(.*\))? can not be done") as error:
        patched(op("replace", "/status", "completed"), operation)
    assert error.value.expression == [expression]


@pytest.mark.parametrize("operations", [[], {}, None, "x", [op("test", "/status", "requested")] * 1001])
def test_a_patch_is_a_list_of_at_most_a_thousand_operations(operations: Any) -> None:
    with pytest.raises((outcome.Invalid, outcome.TooLarge)):
        patches.apply(TASK, operations)
    assert patches.apply(TASK, [op("test", "/status", "requested")] * 1000) == TASK


def test_a_version_may_be_tested() -> None:
    assert patched(op("test", "/meta/versionId", "3"), op("test", "/id", "1"))


def test_copies_that_double_the_resource_are_refused_quickly() -> None:
    doubling = [op("copy", f"/x{number}", **{"from": ""}) for number in range(100)]
    with pytest.raises(outcome.Invalid, match="copies too much"):
        patches.apply(TASK, doubling)


# On a repository


stored = pytest.mark.django_db(databases="__all__")


def a_task(repo: Repository, **more: Any) -> Resource:
    written = repo.create({"resourceType": "Task", "status": "requested", "intent": "order", **more}).resource
    assert written is not None
    return written


@stored
@pytest.mark.postgres
def test_a_patch_stores_a_new_version_and_answers_the_whole_of_it(repo: Repository) -> None:
    task = a_task(repo)
    written = repo.patch("Task", task["id"], [op("add", "/note", [{"text": "Called back"}])])
    assert written.resource is not None
    assert not written.created
    assert written.resource["note"] == [{"text": "Called back"}]
    assert written.resource["status"] == "requested"
    assert repo.read("Task", task["id"]) == written.resource
    assert written.resource["meta"]["versionId"] != task["meta"]["versionId"]


@stored
@pytest.mark.postgres
def test_a_pool_task_gets_an_owner_by_replace(embedded: Repository) -> None:
    task = a_task(embedded)
    owner = {"reference": "Practitioner/bob"}
    written = embedded.patch("Task", task["id"], [op("replace", "/owner", owner), op("add", "/note/-", {"text": "x"})])
    assert written.resource is not None
    assert written.resource["owner"]["reference"] == "Practitioner/bob"


REFUSED: list[tuple[Operations, type[outcome.FHIRError]]] = [
    ([op("remove", "/note/0")], outcome.Invalid),
    ([op("replace", "/status", "nonsense")], outcome.Invalid),
    ([op("add", "/nonsense", 1)], outcome.Invalid),
    ([op("add", "/owner", {"reference": "Practitioner/nobody"})], outcome.UnknownReference),
    ([op("replace", "/id", "other")], outcome.Invalid),
]


@stored
@pytest.mark.parametrize(("operations", "error"), REFUSED)
def test_a_patch_that_is_refused_changes_nothing(
    embedded: Repository, operations: Operations, error: type[outcome.FHIRError]
) -> None:
    task = a_task(embedded)
    before = invariants.snapshot()
    with pytest.raises(error):
        embedded.patch("Task", task["id"], [op("replace", "/status", "in-progress"), *operations])
    assert invariants.snapshot() == before
    assert not embedded.patch("Task", task["id"], [op("replace", "/status", "in-progress")]).unchanged


@stored
def test_a_patch_that_changes_nothing_makes_no_version(embedded: Repository) -> None:
    task = a_task(embedded)
    written = embedded.patch("Task", task["id"], [op("replace", "/status", "requested")])
    assert written.unchanged
    assert written.resource == task


@stored
def test_a_patch_names_the_version_it_was_made_for(embedded: Repository) -> None:
    task = a_task(embedded)
    version = task["meta"]["versionId"]
    embedded.patch("Task", task["id"], [op("replace", "/status", "in-progress")], if_match=version)
    with pytest.raises(outcome.Stale):
        embedded.patch("Task", task["id"], [op("replace", "/status", "completed")], if_match=version)
    assert embedded.read("Task", task["id"])["status"] == "in-progress"


@stored
def test_what_is_not_there_can_not_be_patched(embedded: Repository) -> None:
    with pytest.raises(outcome.NotFound):
        embedded.patch("Task", "nowhere", [op("add", "/status", "completed")])
    task = a_task(embedded)
    embedded.delete("Task", task["id"])
    with pytest.raises(outcome.Gone):
        embedded.patch("Task", task["id"], [op("add", "/status", "completed")])


@stored
def test_a_patch_finds_its_resource_by_a_search(embedded: Repository) -> None:
    task = a_task(embedded, identifier=[{"system": "urn:t", "value": "1"}])
    a_task(embedded, identifier=[{"system": "urn:t", "value": "2"}])
    change = [op("replace", "/status", "completed")]
    written = embedded.patch("Task", "", change, where="identifier=urn:t|1")
    assert written.resource is not None
    assert written.resource["id"] == task["id"]
    with pytest.raises(outcome.NotFound):
        embedded.patch("Task", "", change, where="identifier=urn:t|3")
    with pytest.raises(outcome.MultipleMatches):
        embedded.patch("Task", "", change, where="identifier=urn:t|")


@stored
def test_a_patch_that_lost_a_race_is_made_again_unless_it_names_a_version(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a server that others write to meanwhile; the embedded store holds what it changes."""
    guarded: Any = back_end("guarded", practice)
    task = a_task(guarded)
    apply, tries = guarded.store.apply, []

    def losing(writes: Any) -> Any:
        tries.append(writes)
        if len(tries) % lost:
            raise outcome.Stale()
        return apply(writes)

    monkeypatch.setattr(guarded.store, "apply", losing)
    lost = 2
    guarded.patch("Task", task["id"], [op("add", "/note/-", {"text": "x"})])
    assert len(tries) == 2
    version = guarded.read("Task", task["id"])["meta"]["versionId"]
    with pytest.raises(outcome.Stale):
        guarded.patch("Task", task["id"], [op("add", "/note/-", {"text": "x"})], if_match=version)
    assert len(tries) == 3
    lost = 100
    with pytest.raises(outcome.Stale):
        guarded.patch("Task", task["id"], [op("add", "/note/-", {"text": "x"})])
    assert len(tries) == 6
    assert len(guarded.read("Task", task["id"])["note"]) == 1
