"""The access contract for writes by a search, by a patch and in Bundles: what is hidden neither acts nor shows."""

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from inbox.fhir import audit, outcome
from inbox.fhir.guard import Guarded
from inbox.fhir.types import Operations, Resource

from .conftest import Clinic
from .people import Person, setting, status
from .test_cases import UNUSED, T, answer
from .world import ALICE, BOB, HOMER, NED, message, ref, refs

pytestmark = pytest.mark.django_db(databases="__all__")

ACTIVE = {
    "resourceType": "AccessPolicy",
    "resource": [
        {"resourceType": "Patient", "criteria": "Patient?active=true"},
        {"resourceType": "Communication", "criteria": "Communication?sender=%profile"},
    ],
}
"""Sees and changes active patients alone."""
BOTH, HIDDEN, NONE = ("identifier=urn:x|" + value for value in ("both", "hidden", "none"))
CLOSING: Operations = [{"op": "replace", "path": "/gender", "value": "other"}]


@pytest.fixture
def clerk(clinic: Clinic) -> Person:
    """Sees `seen`, and neither `hidden` (which has an identifier of `seen`) nor `deep`."""
    for id, active, values in (("seen", True, ["both"]), ("hidden", False, ["both", "hidden"]), ("deep", False, [])):
        marks = [{"system": "urn:x", "value": value} for value in values]
        clinic.put({"resourceType": "Patient", "id": id, "active": active, "gender": "male", "identifier": marks})
    return clinic.person(ACTIVE, ALICE)


def a_patient(value: str, **more: Any) -> Resource:
    mark = {"system": "urn:x", "value": value}
    return {"resourceType": "Patient", "active": True, "identifier": [mark], "gender": "other", **more}


def the_same(text: object) -> str:
    """What was learned, without the words that were asked by."""
    return str(text).replace("hidden", "X").replace("none", "X").replace(UNUSED, "X").replace("deep", "X")


# What a condition means


def update(guard: Guarded, where: str) -> Any:
    return guard.update(a_patient(where.rpartition("|")[2]), where=where)


def patch(guard: Guarded, where: str) -> Any:
    return guard.patch("Patient", "", CLOSING, where=where)


def delete(guard: Guarded, where: str) -> Any:
    return guard.delete("Patient", "", where=where)


@pytest.mark.parametrize("act", [update, patch, delete])
def test_ac31_of_a_visible_and_a_hidden_match_the_visible_one_is_meant(
    clinic: Clinic, clerk: Person, act: Callable[[Guarded, str], Any]
) -> None:
    before = clinic.current("Patient/hidden")
    act(clerk.connect(), BOTH)
    assert clinic.current("Patient/hidden") == before
    now = clinic.system().raw("Patient", "seen")
    assert now is None if act is delete else now is not None and now["gender"] == "other"


@pytest.mark.parametrize("act", [patch, delete])
def test_ac31_a_hidden_match_is_no_match(clinic: Clinic, clerk: Person, act: Callable[[Guarded, str], Any]) -> None:
    before = clinic.current("Patient/hidden")
    hidden, none = (answer(lambda where=where: act(clerk.connect(), where)) for where in (HIDDEN, NONE))
    assert the_same(hidden) == the_same(none)
    assert clinic.current("Patient/hidden") == before
    assert answer(lambda: act(clerk.connect(), BOTH)) != hidden or act is delete


def test_ac31_an_update_whose_only_match_is_hidden_creates(clinic: Clinic, clerk: Person) -> None:
    before = clinic.current("Patient/hidden")
    for where in (HIDDEN, NONE):
        written = update(clerk.connect(), where)
        assert written.created
        assert written.resource["id"] not in ("hidden", "seen")
        assert written.resource["meta"]["versionId"] == "1"
    assert clinic.current("Patient/hidden") == before
    assert not update(clerk.connect(), HIDDEN).created


def test_ac31_an_id_that_is_hidden_is_as_good_as_a_free_one(clinic: Clinic, clerk: Person) -> None:
    for id in ("hidden", "never-used"):
        written = clerk.connect().update(a_patient("none", id=id), where="identifier=urn:x|" + id)
        assert written.created
        assert written.resource is not None
        assert written.resource["id"] != id


def test_ac31_conditions_in_a_bundle_mean_the_same(clinic: Clinic, clerk: Person) -> None:
    before = clinic.current("Patient/hidden")
    entries = [
        {"resource": a_patient("both"), "request": {"method": "PUT", "url": f"Patient?{BOTH}"}},
        {"resource": a_patient("hidden"), "request": {"method": "PUT", "url": f"Patient?{HIDDEN}"}},
        {"request": {"method": "DELETE", "url": "Patient?identifier=urn:x|hidden&gender=male"}},
        {"request": {"method": "GET", "url": f"Patient?{BOTH}"}},
    ]
    for type in ("transaction", "batch"):
        found = clerk.connect()
        bundle = {"resourceType": "Bundle", "type": type, "entry": copy.deepcopy(entries)}
        answered = (found.transaction if type == "transaction" else found.batch)(bundle)["entry"]
        assert answered[0]["resource"]["id"] == "seen"
        assert [one["resource"]["id"] for one in answered[3]["resource"]["entry"]] == ["seen"]
        assert answered[2]["response"]["status"] == "204"
    assert clinic.current("Patient/hidden") == before


def test_ac31_a_condition_on_what_is_hidden_is_refused(clinic: Clinic) -> None:
    header = {**clinic["administrator"].read(T + "T1"), "status": "completed"}
    for where in ("category=internal", "category=nothing"):
        with pytest.raises(outcome.Invalid):
            clinic["administrator"].connect().update(header, where=where)


# Conditional references


def test_a_conditional_reference_means_what_its_writer_sees(clinic: Clinic, clerk: Person) -> None:
    def write(condition: str) -> Any:
        return clerk.connect().create(message("", sender=ref(ALICE), partOf=None, subject=ref(f"Patient?{condition}")))

    assert write(BOTH).resource["subject"] == {"reference": "Patient/seen"}
    hidden, none = answer(lambda: write(HIDDEN)), answer(lambda: write(NONE))
    assert the_same(hidden) == the_same(none)
    assert isinstance(hidden, tuple)
    assert hidden[0] == 412


def test_a_conditional_reference_of_a_type_one_may_not_search_is_403(clinic: Clinic) -> None:
    about = refs("AuditEvent?_id=a1")
    assert status(lambda: clinic["homer"].create(message("T1", ALICE, sender=ref(HOMER), about=about))) == 403


# Whose ids


def test_ac32_a_hidden_id_can_not_be_told_from_an_unused_one_by_who_sees_a_part(clinic: Clinic, clerk: Person) -> None:
    before = clinic.current("Patient/hidden")
    hidden, unused = (answer(lambda id=id: clerk.connect().update(a_patient("x", id=id))) for id in ("hidden", UNUSED))
    assert the_same(hidden) == the_same(unused)
    assert isinstance(hidden, tuple)
    assert hidden[0] == 404
    assert clinic.current("Patient/hidden") == before
    assert clerk.puts(a_patient("both", id="seen")) == 200


def test_ac32_who_sees_the_whole_type_may_choose_an_id(clinic: Clinic) -> None:
    administrator = clinic["administrator"]
    new = {**administrator.read(NED), "id": "lisa"}
    assert administrator.connect().update(new).created
    assert not administrator.connect().update({**new, "active": False}).created
    assert clinic["supervisor"].puts({**new, "id": "maggie"}) == 404
    clinic.system().delete("Patient", "lisa")
    again = administrator.connect().update(new)
    assert again.created
    assert again.resource is not None
    assert again.resource["meta"]["versionId"] == "4"


def test_ac32_nobody_chooses_the_id_of_a_file(clinic: Clinic) -> None:
    file = {"resourceType": "Binary", "contentType": "text/plain", "data": "aGk="}
    for who in ("alice", "client"):
        for id in ("b1", "b3", UNUSED):
            assert clinic[who].puts({**file, "id": id}) in (403, 404)


# Patches


def op(op: str, path: str, *value: Any, **more: Any) -> dict[str, Any]:
    return {"op": op, "path": path, **({"value": value[0]} if value else {}), **more}


UNDO = [op("replace", "/status", "entered-in-error"), op("add", "/statusReason", {"text": "x"})]

PROBING: dict[str, Operations] = {
    "test": [op("test", "/note", [{"text": "an internal remark"}])],
    "test a part": [op("test", "/note/0/text", "an internal remark")],
    "test wrong": [op("test", "/note", "x")],
    "test nothing": [op("test", "/note", None)],
    "remove": [op("remove", "/note")],
    "remove a part": [op("remove", "/note/0")],
    "add": [op("add", "/note", [{"text": "an internal remark"}])],
    "add an item": [op("add", "/note/-", {"text": "x"})],
    "replace": [op("replace", "/note", [{"text": "x"}])],
    "replace a part": [op("replace", "/note/0/text", "x")],
    "copy": [op("copy", "/statusReason", **{"from": "/note/0"})],
    "move": [op("move", "/statusReason", **{"from": "/note/0"})],
    "all": [op("test", "", {})],
}


@pytest.mark.parametrize("name", PROBING)
def test_ac39_a_patch_meets_a_hidden_element_as_an_absent_one(clinic: Clinic, name: str) -> None:
    """T1 has a note, TL has none; the administrator sees neither."""
    with_note, without = (
        answer(lambda id=id: clinic["administrator"].connect().patch("Communication", id, [*UNDO, *PROBING[name]]))
        for id in ("T1", "TL")
    )
    assert isinstance(with_note, tuple)
    assert with_note[0] in (400, 422)
    assert with_note == without
    assert "remark" not in str(with_note[2]["issue"][0].get("diagnostics", ""))
    assert clinic.current(T + "T1")["status"] == "in-progress"


def test_ac39_a_patch_keeps_what_its_writer_does_not_see(clinic: Clinic) -> None:
    written = clinic["administrator"].connect().patch("Communication", "T1", UNDO).resource
    assert written is not None
    assert not {"topic", "note", "extension"} & set(written)
    now = clinic.current(T + "T1")
    assert now["note"] == [{"text": "an internal remark"}]
    assert (now["status"], now["topic"]) == ("entered-in-error", {"text": "About T1"})


CHANGES: dict[str, dict[str, Any]] = {
    "close": {"status": "completed"},
    "draft": {"status": "preparation"},
    "nonsense": {"status": "nonsense"},
    "another patient": {"subject": ref(NED)},
    "another sender": {"sender": ref(BOB)},
    "into another thread": {"partOf": refs(T + "T3")},
    "into no thread": {"partOf": None},
    "among staff": {"recipient": refs(ALICE, BOB)},
    "to a stranger": {"recipient": refs(HOMER, ALICE, "Practitioner/nobody")},
    "with a note": {"note": [{"text": "x"}]},
    "with an owner": {"owner": ref(ALICE)},
    "text": {"payload": [{"contentString": "changed"}]},
}
PATCHING = ("alice", "bob", "charlie", "homer", "nora", "supervisor", "administrator", "client", "nobody")
TARGETS = [T + one for one in ("T1", "T2", "T3", "m1", "m2", "m3", "d1")] + ["Task/o1", "Task/p1", "Patient/homer"]


@pytest.mark.parametrize("who", PATCHING)
def test_a_patch_may_do_what_an_update_may(clinic: Clinic, who: str) -> None:
    """Whatever an update is answered, the patch to the same state is; with what is absent it starts from nothing."""
    for target in TARGETS:
        type, id = target.split("/")
        for name, elements in CHANGES.items():
            seen = clinic[who].shows(target)
            operations = [
                op("add", f"/{element}", value) if value is not None else op("remove", f"/{element}")
                for element, value in elements.items()
                if value is not None or element in seen
            ] or [op("test", "/resourceType", type)]
            before = clinic.current(target)
            single = status_of(lambda: clinic[who].update(target, setting(**elements)))  # noqa: B023
            clinic.put(before)
            patched = status_of(lambda: clinic[who].connect().patch(type, id, operations))  # noqa: B023
            clinic.put(before)
            assert patched == single, (target, name)


def status_of(call: Callable[[], object]) -> object:
    try:
        call()
    except outcome.FHIRError as error:
        return error.status, error.text
    return 200


# Bundles


def entries_of(clinic: Clinic) -> list[Resource]:
    """Calls of every kind, most of which somebody may not do."""
    data = base64.b64encode(json.dumps(UNDO).encode()).decode()
    patch = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    return [
        *({"request": {"method": "GET", "url": one}} for one in TARGETS),
        *({"request": {"method": "GET", "url": f"{one}/_history"}} for one in TARGETS),
        *({"request": {"method": "DELETE", "url": one}} for one in TARGETS),
        *({"resource": patch, "request": {"method": "PATCH", "url": one}} for one in TARGETS),
        *({"request": {"method": "GET", "url": one}} for one in ("Communication", "AuditEvent", "Patient?_id=homer")),
        {"resource": message("T1", HOMER), "request": {"method": "POST", "url": "Communication"}},
        {"resource": message("T3", NED), "request": {"method": "POST", "url": "Communication"}},
    ]


@pytest.mark.parametrize("who", ["alice", "charlie", "homer", "supervisor", "auditor", "administrator", "nobody"])
def test_ac67_a_batch_says_no_more_than_single_calls(clinic: Clinic, who: str) -> None:
    before = {one: clinic.current(one) for one in TARGETS}
    for entry in entries_of(clinic):
        alone = ask_batch(clinic[who], entry)
        for one in TARGETS:
            clinic.put(before[one])
        second = ask_batch(clinic[who], {"request": {"method": "GET", "url": "Patient/nobody"}}, entry)
        for one in TARGETS:
            clinic.put(before[one])
        assert the_rest(second[1], 1) == the_rest(alone[0], 0)
        if entry["request"]["method"] == "GET" and entry["request"]["url"] in TARGETS:
            assert int(alone[0]["response"]["status"]) == clinic[who].reads(entry["request"]["url"])


def ask_batch(person: Person, *entries: Resource) -> list[Resource]:
    found: list[Resource] = person.connect().batch({"resourceType": "Bundle", "type": "batch", "entry": [*entries]})[
        "entry"
    ]
    return found


def the_rest(entry: Resource, index: int) -> str:
    """What an entry was answered; of a write that was done, that it was."""
    response = entry["response"]
    told = response["status"] if "etag" in response else entry
    return json.dumps(told, default=str).replace(f"Bundle.entry[{index}]", "Bundle.entry[i]")


@pytest.mark.parametrize(
    "url", ["/admin", "https://evil.example/Communication/T1", "../T1", "Communication/T1?x=1", ""]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_ac69_a_batch_takes_addresses_of_resources_only(clinic: Clinic, method: str, url: str) -> None:
    body = {**clinic["alice"].read(T + "T1"), "status": "completed"}
    entry = {"resource": body, "request": {"method": method, "url": url}}
    (found,) = clinic["alice"].connect().batch({"resourceType": "Bundle", "type": "batch", "entry": [entry]})["entry"]
    assert found["response"]["status"] == "400"
    assert clinic.current(T + "T1")["status"] == "in-progress"


@pytest.mark.parametrize("hidden", [T + "T3", T + "m9", "Task/o2"])
def test_ac67_an_entry_about_what_is_hidden_refuses_like_one_about_nothing(clinic: Clinic, hidden: str) -> None:
    type = hidden.partition("/")[0]

    def ask(url: str, method: str) -> object:
        entry = {"request": {"method": method, "url": url}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        return answer(lambda: clinic["homer"].connect().transaction(bundle))

    for method in ("GET", "HEAD", "DELETE"):
        assert ask(hidden, method) == ask(f"{type}/{UNUSED}", method)


# The trail


def trail(guard: Guarded) -> list[tuple[object, ...]]:
    """What is noted beside the writes themselves."""
    rows = [dict(zip(audit.FIELDS, one, strict=True)) for one in guard.trail.entries]
    return [tuple(one[name] for name in ("interaction", "type", "fhir_id", "query", "outcome")) for one in rows]


def test_entries_of_a_bundle_are_noted_like_single_calls(clinic: Clinic) -> None:
    entries = [
        {"request": {"method": "GET", "url": T + "T1"}},
        {"request": {"method": "GET", "url": T + "T3"}},
        {"request": {"method": "GET", "url": "Communication?_id=T1"}},
        {"request": {"method": "DELETE", "url": T + "T3"}},
        {"request": {"method": "GET", "url": "AuditEvent/a1"}},
    ]
    guard = clinic["alice"].connect()
    guard.batch({"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert trail(guard) == [
        ("read", "Communication", "T1", "", "0"),
        ("read", "Communication", "T3", "", "4"),
        ("search", "Communication", "", "_id=T1", "0"),
        ("refused", "Communication", "T3", "DELETE", "4"),
        ("refused", "AuditEvent", "", "read", "4"),
    ]


def test_the_entry_that_refuses_a_transaction_is_the_one_noted(clinic: Clinic) -> None:
    entries = [
        {"resource": message("T1", HOMER), "request": {"method": "POST", "url": "Communication"}},
        {"request": {"method": "DELETE", "url": T + "T3"}},
    ]
    guard = clinic["alice"].connect()
    with pytest.raises(outcome.NotFound) as error:
        guard.transaction({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert error.value.expression == ["Bundle.entry[1]"]
    assert trail(guard) == [("refused", "Communication", "T3", "DELETE", "4")]


def test_what_a_condition_shows_is_noted_as_a_search(clinic: Clinic) -> None:
    guard = clinic["bob"].connect()
    guard.create(message("T1", HOMER, sender=ref(BOB)), if_none_exist="_id=m3")
    assert trail(guard) == [("search", "Communication", "", "_id=m3", "0")]
