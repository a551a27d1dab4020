"""The access cases (`docs/access.md`) at the guard and the services, named after their case."""

import copy
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from inbox import models
from inbox.fhir import outcome
from inbox.fhir.repository import Write
from inbox.fhir.types import Resource
from inbox.services import messages, participants, receipts, threads

from .conftest import SHIPPED, Clinic
from .people import Person
from .world import (
    ALICE,
    BART,
    BOB,
    CHARLIE,
    DORA,
    GONE,
    HOMER,
    NED,
    code,
    header,
    message,
    note,
    ref,
    refs,
    resource,
    task,
)

pytestmark = pytest.mark.django_db(databases="__all__")
T = "Communication/"
UNUSED = "0b5e9a6c-3f0e-4c0a-9a56-0d7f7f1f3a11"


def answer(call: Callable[[], object]) -> object:
    """All that a caller learns: the result, or the error in every detail."""
    try:
        return call()
    except outcome.FHIRError as error:
        return error.status, type(error), error.outcome()


def like_none(person: Person, reference: str) -> bool:
    """Whether a resource answers every request as an id that was never used, and with 404."""
    type, id = reference.split("/")

    def ask(id: str) -> list[object]:
        guard = person.connect
        body: Resource = {"resourceType": type, "id": id, "status": "completed"}
        return [
            answer(lambda: guard().read(type, id)),
            answer(lambda: guard().vread(type, id, "1")),
            answer(lambda: guard().history(type, id)),
            answer(lambda: guard().search(type, [("_id", id), ("_total", "accurate")])),
            answer(lambda: guard().update(body)),
            answer(lambda: guard().update(body, if_match="1")),
            answer(lambda: guard().delete(type, id)),
        ]

    found, never = ask(id), ask(UNUSED)
    return found == never and person.reads(reference) == 404


@pytest.mark.parametrize("reference", [T + one for one in ("T1", "T2", "m1", "m2", "m3", "d1", "m5", "TX")])
def test_ac02_a_stranger_gets_the_same_404_as_for_an_unused_id(clinic: Clinic, reference: str) -> None:
    assert clinic["alice"].connect().store.raw("Communication", reference.partition("/")[2])
    assert like_none(clinic["charlie"], reference)


@pytest.mark.parametrize(
    "reference", [T + "T1", T + "m1", NED, "Task/r1", "RelatedPerson/marge-homer", "Provenance/pv1"]
)
def test_ac03_another_practice_does_not_exist(clinic: Clinic, reference: str) -> None:
    assert like_none(clinic["dora"], reference)
    assert like_none(clinic["alice"], T + "TD")
    assert like_none(clinic["supervisor"], T + "TD")


def test_ac03_the_same_id_in_two_practices_is_two_people(clinic: Clinic) -> None:
    assert clinic["alice"].read(HOMER)["name"] == [{"text": "Homer"}]
    assert clinic["dora"].read(HOMER)["name"] == [{"text": "Another Homer"}]
    assert clinic["administrator"].updates(HOMER, gender="other") == 200
    assert clinic["dora"].read(HOMER)["gender"] == "male"


def test_ac03_files_and_the_audit_of_another_practice_are_closed(clinic: Clinic) -> None:
    clinic.policies["clinician"] = SHIPPED["auditor"]
    assert clinic["dora"].reads("AuditEvent/a1") == 404
    clinic.policies["clinician"] = SHIPPED["clinician"]
    assert clinic["dora"].reads("Binary/b1") == 404


def test_ac04_a_patient_sees_the_thread_without_its_notes(clinic: Clinic) -> None:
    homer = clinic["homer"]
    thread = threads.get(homer.connect(), "T1")
    lines = messages.page(homer.connect(), thread).items
    found = {one.id for one in lines if one.kind == "message"}
    assert {"m1", "m3", "m4", "m5", "v1"} <= found
    assert not found & {"m2", "m7", "m8", "m9"}
    assert "internal remark" not in str(thread)


def test_ac04_the_last_message_of_a_list_is_the_last_one_that_is_read(clinic: Clinic) -> None:
    clinic["alice"].create(message("T1", HOMER, BOB, payload=[{"contentString": "for all"}]))
    clinic["bob"].create(note("T1", ALICE, sender=ref(BOB), payload=[{"contentString": "a note"}]))
    shown = {name: messages.newest(clinic[name].connect(), [T + "T1"])[T + "T1"] for name in ("homer", "alice")}
    assert {name: messages.text_of(one) for name, one in shown.items()} == {"homer": "for all", "alice": "a note"}
    assert not messages.newest(clinic["charlie"].connect(), [T + "T1", T + "T2"])


def test_ac05_a_patient_does_not_meet_the_thread_about_them(clinic: Clinic) -> None:
    homer = clinic["homer"]
    assert like_none(homer, T + "T2")
    assert not {"T2", "i1"} & set(homer.search("Communication", ("subject", HOMER)))
    rows = threads.page(homer.connect(), threads.ListFilter()).rows
    assert "T2" not in {row.id for row in rows}
    assert "T1" in {row.id for row in rows}


def test_ac06_being_the_subject_opens_nothing(clinic: Clinic) -> None:
    found = clinic["homer"].search("Communication", ("subject", HOMER), ("part-of", T + "T1"))
    every = clinic["supervisor"].search("Communication", ("subject", HOMER), ("part-of", T + "T1"))
    assert {"m2", "m7", "m8", "m9"} <= set(every) - set(found)
    assert {"m1", "m3"} <= set(found)


def test_ac07_a_carer_sees_the_threads_of_both(clinic: Clinic) -> None:
    assert clinic["marge"].reads(T + "T1", T + "TK", T + "T3", NED) == [200, 200, 404, 404]


def test_ac08_a_carer_loses_a_child_at_the_next_request(clinic: Clinic) -> None:
    marge = clinic["marge"]
    assert marge.reads(T + "TK", T + "k3", BART) == [200, 200, 200]
    clinic.change("RelatedPerson/marge-bart", active=False)
    assert like_none(marge, T + "TK")
    assert marge.reads(T + "k1", T + "k3", BART, T + "T1") == [404, 404, 404, 200]
    assert not {"TK", "k1", "k2", "k3"} & set(marge.search("Communication"))
    assert marge.creates(message("TK", ALICE, sender=ref("RelatedPerson/marge-bart"), subject=ref(BART))) == 403
    clinic.change("RelatedPerson/marge-homer", active=False)
    assert marge.search("Communication") == ["d-marge-bart"]
    assert marge.search("Patient") == []


@pytest.mark.parametrize(
    ("period", "readable"),
    [
        ({"start": "2020-01-01"}, 200),
        ({"end": "2020-01-01"}, 404),
        ({"start": "2999-01-01"}, 404),
        ({"start": "2020-01-01", "end": "2999-01-01"}, 200),
    ],
)
def test_ac08_a_carer_acts_within_the_period_alone(clinic: Clinic, period: Resource, readable: int) -> None:
    clinic.change("RelatedPerson/marge-bart", period=period)
    assert clinic["marge"].reads(T + "TK") == readable


def test_ac09_a_supervisor_reads_all_of_the_practice_and_nothing_of_another(clinic: Clinic) -> None:
    every = {one["id"] for one in clinic.all_of("Communication") if one["status"] != "preparation"}
    assert set(clinic["supervisor"].search("Communication")) == every
    assert set(clinic["literal supervisor"].search("Communication")) == every
    assert clinic["supervisor"].reads(T + "TD") == 404


@pytest.mark.parametrize("who", ["homer", "alice", "marge", "supervisor", "client", "administrator"])
def test_ac10_a_type_that_is_not_of_the_role_is_403_and_not_an_empty_list(clinic: Clinic, who: str) -> None:
    person = clinic[who]
    assert person.reads("AuditEvent/a1") == person.reads("AuditEvent/none") == 403
    assert person.finds("AuditEvent") == 403


def test_ac10_read_marks_are_their_readers_and_nobody_writes_one(clinic: Clinic) -> None:
    clinic["alice"].create(message("T1", HOMER, BOB))
    mark = f"Task/{receipts.receipt_id('T1', HOMER)}"
    assert clinic["homer"].reads(mark) == clinic["alice"].reads(mark) == 200
    assert {clinic[name].reads(mark) for name in ("charlie", "nora", "ned", "marge", "dora")} == {404}
    assert clinic["homer"].updates(mark, status="completed") == 403
    assert clinic["alice"].updates(mark, status="completed") == 403
    assert receipts.mark_read(clinic["homer"].connect(), "T1")
    assert clinic.current(mark)["status"] == "completed"


def test_ac11_without_a_policy_there_is_nothing(clinic: Clinic) -> None:
    nobody = clinic["nobody"]
    assert nobody.reads(T + "T1", HOMER, "Task/r1", "Binary/b1", "AuditEvent/a1") == [403] * 5
    assert nobody.creates(header(HOMER, ALICE)) == nobody.updates(T + "T1", status="completed") == 403
    assert nobody.finds("Communication") == nobody.deletes(T + "d1") == 403


def test_ac12_a_policy_that_can_not_be_enforced_connects_nobody(clinic: Clinic) -> None:
    broken = {
        "resourceType": "AccessPolicy",
        "resource": [{"resourceType": "Communication", "criteria": "Communication?x=1"}],
    }
    with pytest.raises(outcome.Invalid):
        clinic.person(broken, ALICE).connect()


VALUES = [
    'nu"rse',
    "nur'se",
    "nurse,doctor",
    "nurse%",
    "nurs_",
    "nurse|x",
    "nurse\\",
    "nurse&x",
    "urse",
    "nurse2",
    "%roles",
]


@pytest.mark.parametrize("value", VALUES)
def test_ac15_the_value_of_a_parameter_is_literal(clinic: Clinic, value: str) -> None:
    charlies = resource("PractitionerRole", "charlie-role", practitioner=ref(CHARLIE), code=[code("x")])
    charlies["code"][0]["coding"][0]["code"] = value
    clinic.put(charlies)
    assert clinic["charlie"].finds("Task", ("status", "requested")) == []
    own = task("T3", "special", performerType=[{"coding": [{"code": value}]}])
    clinic.put(own)
    assert clinic["charlie"].finds("Task", ("status", "requested")) == ["p1", "p10", "special"]
    assert clinic["charlie"].reads(T + "T3", T + "y1", T + "T1") == [200, 200, 404]
    assert "special" not in clinic["nora"].search("Task", ("performer", "nurse"))


@pytest.mark.parametrize(
    "profile",
    [
        "Practitioner/alic",
        "Practitioner/alice2",
        "Practitioner/a%",
        "Practitioner/alice,bob",
        "Practitioner/' OR 1=1 --",
        'Practitioner/"alice"',
        "Practitioner/alice\n",
    ],
)
def test_ac15_a_profile_is_compared_whole(clinic: Clinic, profile: str) -> None:
    someone = clinic.person(SHIPPED["clinician"], profile)
    assert someone.finds("Communication") == []
    assert someone.reads(T + "T1", T + "m3", "Task/r1") == [404, 404, 404]


@pytest.mark.parametrize("value", ["Patient/homer%", "Patient/home_", "Patient/homer' OR '1'='1", "*", "Patient/"])
def test_ac15_what_is_searched_for_is_literal(clinic: Clinic, value: str) -> None:
    assert clinic["homer"].finds("Communication", ("subject", value)) == 400
    assert clinic["supervisor"].finds("Communication", ("identifier", value)) == []


@pytest.mark.parametrize("who", ["alice", "homer", "marge", "nora", "supervisor", "client", "charlie"])
def test_ac17_a_total_is_the_number_of_what_can_be_opened(clinic: Clinic, who: str) -> None:
    person = clinic[who]
    for type in ("Communication", "Task", "Patient"):
        total = person.connect().search(type, [("_total", "accurate"), ("_count", "2")]).total
        alone = person.connect().search(type, [("_summary", "count")]).total
        readable = [one["id"] for one in clinic.all_of(type) if person.can(f"{type}/{one['id']}")]
        assert total == alone == len(readable)
        assert person.search(type, ("_count", "3")) == sorted(readable)


def test_ac18_an_estimate_says_nothing(clinic: Clinic) -> None:
    assert clinic["homer"].connect().search("Communication", [("_total", "estimate")]).total is None


def test_ac19_who_is_removed_has_nothing_unread(clinic: Clinic) -> None:
    alice, bob = clinic["alice"], clinic["bob"]
    before = threads.unread_count(bob.connect())
    start = {"topic": "New", "tags": [], "text": "Hello", "client_id": str(uuid.uuid4())}
    thread = threads.start(alice.connect(), patient=HOMER, people=[BOB], **start)
    assert threads.unread_count(bob.connect()) == before + 1
    seen = threads.get(alice.connect(), thread).participants_version
    participants.remove(alice.connect(), thread, BOB, seen=seen)
    assert threads.unread_count(bob.connect()) == before
    assert T + thread not in receipts.unread_threads(bob.connect())


@pytest.mark.parametrize(
    "query",
    [
        ("_filter", "x"),
        ("_text", "note"),
        ("_content", "note"),
        ("_include", "*"),
        ("subject.general-practitioner.name", "Alice"),
    ],
)
def test_ac26_what_could_look_into_everything_is_refused_for_all_alike(clinic: Clinic, query: tuple[str, str]) -> None:
    for who in ("homer", "alice", "supervisor"):
        assert clinic[who].finds("Communication", query) == 400


@pytest.mark.parametrize(
    ("who", "type", "query"),
    [
        ("homer", "Practitioner", ("phone", "555-0100")),
        ("homer", "Practitioner", ("identifier", "alice")),
        ("homer", "Practitioner", ("address-city", "Springfield")),
        ("marge", "Patient", ("gender", "male")),
        ("marge", "Patient", ("identifier", "mrn-homer")),
        ("auditor", "Patient", ("birthdate", "2015-01-01")),
        ("auditor", "Patient", ("_sort", "birthdate")),
        ("auditor", "Communication", ("category", "internal")),
        ("administrator", "Communication", ("payload:missing", "true")),
    ],
)
def test_ac25_what_is_hidden_is_not_searched_or_sorted_by(
    clinic: Clinic, who: str, type: str, query: tuple[str, str]
) -> None:
    assert clinic[who].finds(type, query) == 400
    assert clinic[who].search(type)


@pytest.mark.parametrize("encounter", ["Encounter/visit", "Encounter/none"])
def test_ac25_a_field_hidden_from_some_rows_finds_none_of_them(clinic: Clinic, encounter: str) -> None:
    assert clinic["homer"].finds("Communication", ("encounter", encounter)) == []


def test_ac32_a_hidden_duplicate_is_not_told_of(clinic: Clinic) -> None:
    condition = "identifier=https://clinic.example/sent|42"
    again = message(
        "T1", ALICE, sender=ref(HOMER), identifier=[{"system": "https://clinic.example/sent", "value": "42"}]
    )
    written = clinic["homer"].create(again, if_none_exist=condition)
    assert written.created
    assert clinic["bob"].read(T + "m2")["identifier"] == again["identifier"]
    seen = message("T1", HOMER, sender=ref(BOB), identifier=again["identifier"])
    with pytest.raises(outcome.MultipleMatches):
        clinic["alice"].create(seen, if_none_exist=condition)


def test_ac34_who_is_removed_keeps_what_they_had_and_gets_no_more(clinic: Clinic) -> None:
    alice, bob = clinic["alice"], clinic["bob"]
    assert alice.updates(T + "T1", recipient=refs(HOMER, ALICE)) == 200
    assert like_none(bob, T + "T1")
    assert bob.reads(T + "m1", T + "m3") == [200, 200]
    later = alice.create(message("T1", HOMER)).resource
    assert later is not None
    assert bob.reads(f"{T}{later['id']}") == 404
    assert bob.creates(message("T1", HOMER, sender=ref(BOB))) == 400


def test_ac36_a_patient_does_not_see_versions_from_when_it_was_internal(clinic: Clinic) -> None:
    homer, bob = clinic["homer"], clinic["bob"]
    assert homer.versions(T + "v1") == ["2"]
    assert homer.vread(T + "v1", "1") == homer.vread(T + "v1", "99") == 404
    assert bob.versions(T + "v1") == ["2", "1"]


def test_ac37_what_is_deleted_is_410_for_who_could_read_it_and_404_for_others(clinic: Clinic) -> None:
    alice = clinic["alice"]
    draft = alice.create(message("T1", status="preparation", recipient=None)).resource
    assert draft is not None
    reference = f"{T}{draft['id']}"
    assert alice.deletes(reference) == 200
    assert alice.reads(reference) == alice.deletes(reference) == alice.updates(reference, status="in-progress") == 410
    assert alice.versions(reference) == ["2", "1"]
    for who in ("bob", "homer", "charlie", "supervisor", "auditor", "dora"):
        assert like_none(clinic[who], reference)
    clinic.system().delete("Communication", "m3")
    assert clinic["bob"].reads(T + "m3") == clinic["homer"].reads(T + "m3") == 410
    assert like_none(clinic["charlie"], T + "m3")
    assert "m3" not in clinic["bob"].search("Communication")


def test_ac39_a_hidden_field_is_in_no_version_and_no_error(clinic: Clinic) -> None:
    for one in clinic["homer"].connect().history("Communication", "T1"):
        assert not {"note", "encounter", "extension"} & set(one)
    error = answer(lambda: clinic["administrator"].update(T + "T1", lambda one: one.update(note=[{"text": "a guess"}])))
    assert "remark" not in str(error)


@pytest.mark.parametrize("guess", ["About T1", "something else"])
def test_ac39_guessing_a_hidden_field_right_is_as_wrong_as_guessing_wrong(clinic: Clinic, guess: str) -> None:
    undo = {"status": "entered-in-error", "statusReason": {"text": "x"}}
    assert clinic["administrator"].updates(T + "T1", topic={"text": guess}, **undo) == 422
    assert clinic["administrator"].updates(T + "T1", **undo) == 200
    assert clinic.current(T + "T1")["topic"] == {"text": "About T1"}


def test_ac39_the_answer_to_a_write_hides_what_reading_hides(clinic: Clinic) -> None:
    undo = {"status": "entered-in-error", "statusReason": {"text": "x"}}
    written = clinic["administrator"].update(T + "T1", lambda one: one.update(undo)).resource
    assert written is not None
    assert written["status"] == "entered-in-error"
    assert not {"topic", "note", "extension"} & set(written)
    bundle: Resource = {"resourceType": "Bundle", "type": "transaction", "entry": []}
    seen = {**clinic["administrator"].read(T + "TC"), **undo}
    bundle["entry"].append({"resource": seen, "request": {"method": "PUT", "url": T + "TC"}})
    answered = clinic["administrator"].connect().transaction(bundle)["entry"][0]["resource"]
    assert "topic" not in answered


def test_ac40_an_internal_note_moves_nothing_that_a_patient_sees(clinic: Clinic) -> None:
    homer = clinic["homer"]

    def seen() -> object:
        guard = homer.connect()
        listed = guard.search("Communication", [("part-of:missing", "true"), ("_total", "accurate")])
        rows = threads.page(homer.connect(), threads.ListFilter()).rows
        inside = guard.search("Communication", [("part-of", T + "T1"), ("_total", "accurate")])
        unread, history = threads.unread_count(homer.connect()), guard.history("Communication", "T1")
        last = messages.newest(homer.connect(), [T + "T1", T + "TF"])
        return listed, rows, inside, unread, history, last, guard.search("Task", [])

    before = copy.deepcopy(seen())
    messages.send(clinic["alice"].connect(), "T1", text="between us", client_id=str(uuid.uuid4()), internal=True)
    assert seen() == before
    messages.send(clinic["alice"].connect(), "T1", text="for all", client_id=str(uuid.uuid4()))
    assert seen() != before


@pytest.mark.parametrize("who", ["supervisor", "literal supervisor"])
def test_ac50_a_supervisor_changes_nothing(clinic: Clinic, who: str) -> None:
    person = clinic[who]
    sam = "Practitioner/sam"
    made = [
        message("T1", HOMER, sender=ref(sam)),
        header(sam, sender=ref(sam)),
        message("T1", status="preparation", sender=ref(sam)),
        task("T1", owner=ref(sam)),
        resource("Binary", "", contentType="text/plain", data="aGk="),
    ]
    assert [person.creates(one) for one in made] == [403] * len(made)
    assert person.updates(T + "T1", status="completed") == person.updates(T + "m1", payload=None) == 403
    assert person.updates("Task/rr-homer", status="completed") == person.updates("Task/p1", owner=ref(sam)) == 403
    assert person.deletes(T + "m1") == person.deletes(T + "T1") == 403
    send = {"text": "x", "client_id": str(uuid.uuid4())}
    calls: list[Callable[[], object]] = [
        lambda: messages.send(person.connect(), "T1", **send),
        lambda: threads.close(person.connect(), "T1"),
        lambda: participants.add(person.connect(), "T1", CHARLIE, seen=""),
        lambda: participants.leave(person.connect(), "TW"),
        lambda: threads.start(person.connect(), patient=HOMER, people=[ALICE], topic="x", tags=[], **send),
    ]
    for call in calls[:3]:
        with pytest.raises(outcome.Forbidden):
            call()
    with pytest.raises(outcome.Forbidden):
        calls[4]()
    shown = threads.get(person.connect(), "T1")
    assert not (shown.may_reply or shown.may_note or shown.may_close or shown.may_edit_people or shown.may_leave)


def test_ac51_a_supervisor_who_reads_marks_nothing_as_read(clinic: Clinic) -> None:
    clinic["alice"].create(message("T1", HOMER, BOB))
    before = {one["id"]: one for one in clinic.all_of("Task")}
    supervisor = clinic["supervisor"]
    messages.page(supervisor.connect(), threads.get(supervisor.connect(), "T1"))
    assert receipts.mark_read(supervisor.connect(), "T1") == ""
    assert {one["id"]: one for one in clinic.all_of("Task")} == before


def test_ac52_nobody_sends_as_another(clinic: Clinic) -> None:
    alice = clinic["alice"]
    assert alice.creates(message("T1", HOMER, sender=ref(BOB))) == 403
    assert alice.updates(T + "d1", sender=ref(BOB)) == 403
    assert clinic["homer"].creates(message("T1", BOB)) == 403
    own = alice.create(
        {**message("T1", HOMER), "id": "chosen", "sent": "2020-01-01T00:00:00Z", "meta": {"versionId": "7"}}
    )
    assert own.resource is not None
    assert own.resource["id"] != "chosen"
    assert own.resource["meta"]["versionId"] == "1"
    assert own.resource["sent"] == "2020-01-01T00:00:00Z"
    assert clinic["client"].creates(message("T1", ALICE, sender=ref(HOMER))) == 201


def test_ac53_a_patient_writes_no_note_and_to_nobody_outside(clinic: Clinic) -> None:
    homer = clinic["homer"]
    by = {"sender": ref(HOMER)}
    assert homer.creates(note("T1", ALICE, **by)) == 403
    assert homer.creates(message("T1", ALICE, CHARLIE, **by)) == 403
    assert homer.creates(message("T1", NED, **by)) == homer.creates(message("T1", "Patient/none", **by)) == 403
    assert homer.creates(header(HOMER, CHARLIE, **by)) == homer.creates(header(HOMER, ALICE, NED, **by)) == 403


@pytest.mark.parametrize("who", ["alice", "bob", "homer", "client"])
def test_ac54_a_sent_message_is_only_retracted(clinic: Clinic, who: str) -> None:
    before = clinic.current(T + "m3")
    for change in ({"payload": [{"contentString": "x"}]}, {"sent": "2020-01-01T00:00:00Z"}, {"topic": {"text": "x"}}):
        expected = {200} if who == "client" else {403, 422}
        assert clinic[who].updates(T + "m3", **change) in expected
    assert clinic[who].deletes(T + "m3") == 403
    if who != "client":
        assert clinic.current(T + "m3") == before


def test_ac55_nobody_edits_the_message_of_another(clinic: Clinic) -> None:
    assert clinic["alice"].updates(T + "m1", payload=[{"contentString": "x"}]) == 403
    assert clinic["bob"].updates(T + "m3", status="entered-in-error", payload=None) == 403
    assert clinic["homer"].updates(T + "m3", payload=None) == 403


def test_ac56_a_message_is_not_pushed_out_of_its_thread(clinic: Clinic) -> None:
    before = clinic.current(T + "m3")
    assert clinic["alice"].updates(T + "m3", partOf=refs(T + "T3")) == 403
    assert clinic["alice"].updates(T + "m3", partOf=refs(T + "T2")) == 403
    assert clinic["alice"].updates(T + "d1", partOf=refs(T + "T3")) in (400, 403)
    assert clinic["alice"].updates(T + "d1", partOf=refs(T + "none")) in (400, 403)
    assert clinic.current(T + "m3") == before


def test_ac56_a_draft_moves_to_a_hidden_thread_as_to_none(clinic: Clinic) -> None:
    def move(thread: str) -> object:
        return answer(lambda: clinic["alice"].update(T + "d1", lambda one: one.update(partOf=refs(T + thread))))

    assert str(move("T3")).replace("T3", "none") == str(move("none"))


def test_ac57_a_hidden_message_is_not_pulled_in(clinic: Clinic) -> None:
    assert clinic["alice"].updates(T + "y1", partOf=refs(T + "T1")) == 404
    assert clinic["bob"].updates(T + "y1", partOf=refs(T + "T1")) == 403
    assert clinic["charlie"].updates(T + "T1", recipient=refs(CHARLIE)) == 404
    assert clinic.current(T + "y1")["partOf"] == refs(T + "T3")


def test_a_message_belongs_to_one_thread(clinic: Clinic) -> None:
    two = message("T1", BOB, sender=ref("Practitioner/nora"), partOf=refs(T + "T3", T + "T1"))
    assert clinic["nora"].creates(two) in (400, 403)
    clinic.change(T + "T1", recipient=refs(HOMER, ALICE, BOB, "Practitioner/nora"))
    assert clinic["nora"].creates(two) == 422
    assert clinic["nora"].creates({**two, "partOf": refs(T + "T1")}) == 201


@pytest.mark.parametrize("element", ["subject", "sender", "sent", "topic", "extension"])
def test_ac60_what_is_read_only_is_422_and_stays(clinic: Clinic, element: str) -> None:
    values: dict[str, Any] = {
        "subject": ref(NED),
        "sender": ref(BOB),
        "sent": "2020-01-01T00:00:00Z",
        "extension": None,
    }
    before = clinic.current(T + "T1")
    expected = 200 if element == "topic" else 422
    assert clinic["alice"].updates(T + "T1", **{element: values.get(element, {"text": "New"})}) == expected
    after = clinic.current(T + "T1")
    assert element == "topic" or after == before


def test_ac60_what_a_put_leaves_out_because_it_is_hidden_comes_back(clinic: Clinic) -> None:
    undo = {"status": "entered-in-error", "statusReason": {"text": "x"}}
    assert clinic["administrator"].puts({**clinic["administrator"].read(T + "T1"), **undo}) == 200
    assert clinic.current(T + "T1")["note"] == [{"text": "an internal remark"}]


def test_ac61_a_create_out_of_scope_leaves_nothing_behind(clinic: Clinic) -> None:
    counted = (models.Resource, models.Version, models.Outbox, models.ReferenceIndex)
    before = [model.objects.count() for model in counted]
    alice = clinic["alice"]
    assert alice.creates(message("T1", HOMER, sender=ref(BOB))) == 403
    assert alice.creates(message("T3", NED)) == 400
    assert alice.creates(header(HOMER)) == 403
    assert clinic["charlie"].creates(task("T1", owner=ref(CHARLIE))) == 403
    assert [model.objects.count() for model in counted] == before


def test_ac61_an_unknown_thread_and_a_hidden_one_answer_alike(clinic: Clinic) -> None:
    def write(thread: str) -> object:
        return answer(lambda: clinic["alice"].create(message(thread, BOB)))

    assert str(write("T3")).replace("T3", "none") == str(write("none"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("preparation", "in-progress", 200),
        ("preparation", "completed", 422),
        ("preparation", "entered-in-error", 422),
        ("in-progress", "completed", 200),
        ("in-progress", "preparation", 422),
        ("in-progress", "stopped", 422),
        ("completed", "entered-in-error", 200),
        ("completed", "in-progress", 422),
        ("entered-in-error", "in-progress", 422),
        ("entered-in-error", "preparation", 422),
    ],
)
def test_ac62_a_message_goes_one_way(clinic: Clinic, before: str, after: str, expected: int) -> None:
    all = {"resourceType": "AccessPolicy", "resource": [{"resourceType": "Communication"}, {"resourceType": "Patient"}]}
    clinic.put(message("T1", HOMER, id="life", status=before))
    assert clinic.person(all, ALICE).updates(T + "life", status=after) == expected


def test_ac62_threads_reopen_and_never_become_messages(clinic: Clinic) -> None:
    alice = clinic["alice"]
    assert alice.updates(T + "T1", status="completed") == alice.updates(T + "T1", status="in-progress") == 200
    assert alice.updates(T + "T1", partOf=refs(T + "T2")) == 403
    assert clinic["client"].updates(T + "T1", partOf=refs(T + "T2")) == 422
    assert alice.updates(T + "d1", partOf=None, payload=None, status="in-progress") == 403


@pytest.mark.parametrize(("person", "expected"), [(DORA, 400), ("Practitioner/none", 400), (GONE, 422), (CHARLIE, 200)])
def test_ac65_who_can_be_added(clinic: Clinic, person: str, expected: int) -> None:
    assert clinic["alice"].updates(T + "T1", recipient=refs(HOMER, ALICE, BOB, person)) == expected


def test_ac65_somebody_of_another_practice_is_as_unknown_as_nobody(clinic: Clinic) -> None:
    def add(person: str) -> object:
        return answer(lambda: clinic["alice"].update(T + "T1", lambda one: one["recipient"].append(ref(person))))

    assert str(add(DORA)).replace(DORA, "Practitioner/none") == str(add("Practitioner/none"))


def test_ac66_who_is_added_sees_from_now_on(clinic: Clinic) -> None:
    alice, charlie = clinic["alice"], clinic["charlie"]
    assert alice.updates(T + "T1", recipient=refs(HOMER, ALICE, BOB, CHARLIE)) == 200
    assert charlie.reads(T + "T1", T + "m1", T + "m2", T + "m3") == [200, 404, 404, 404]
    later = alice.create(message("T1", HOMER, CHARLIE)).resource
    assert later is not None
    assert charlie.reads(f"{T}{later['id']}") == 200
    versions = alice.versions(T + "T1")
    assert isinstance(versions, list)
    assert charlie.versions(T + "T1") == [one for one in versions if one != "1"]
    assert charlie.vread(T + "T1", "1") == 404


def test_ac66_no_note_reaches_a_patient_however_it_is_addressed(clinic: Clinic) -> None:
    clinic.change(T + "m2", recipient=refs(BOB, HOMER))
    assert like_none(clinic["homer"], T + "m2")
    assert like_none(clinic["marge"], T + "m2")
    assert clinic["alice"].creates(note("T1", BOB, HOMER)) == 403
    assert clinic["client"].creates(note("T1", BOB, HOMER)) == 422
    assert clinic["client"].creates(message("T1", HOMER, inResponseTo=refs(T + "m2"))) == 422
    assert clinic["client"].creates(message("T1", BOB, inResponseTo=refs(T + "m2"))) == 201


def a_transaction(*writes: Write) -> Resource:
    entries = []
    for one in writes:
        url = one.type if one.method == "POST" else f"{one.type}/{one.id}"
        entries.append({"resource": one.resource, "request": {"method": one.method, "url": url}})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize(
    "forbidden", [message("T1", HOMER, sender=ref(BOB)), message("T3", NED), task("T3", owner=ref(BOB))]
)
def test_ac67_one_forbidden_entry_of_five_refuses_all(clinic: Clinic, place: int, forbidden: Resource) -> None:
    alice = clinic["alice"]
    writes = [Write("POST", "Communication", resource=message("T1", HOMER)) for _ in range(4)]
    writes.insert(place, Write("POST", forbidden["resourceType"], resource=forbidden))
    before = models.Resource.objects.count(), models.Version.objects.count(), models.Outbox.objects.count()
    with pytest.raises((outcome.Forbidden, outcome.UnknownReference)):
        alice.connect().transaction(a_transaction(*writes))
    assert (models.Resource.objects.count(), models.Version.objects.count(), models.Outbox.objects.count()) == before


def test_ac67_a_transaction_changes_a_resource_once(clinic: Clinic) -> None:
    alice = clinic["alice"]
    closed = {**alice.read(T + "T1"), "status": "completed"}
    twice = a_transaction(*[Write("PUT", "Communication", "T1", closed)] * 2)
    with pytest.raises(outcome.Invalid):
        alice.connect().transaction(twice)
    assert clinic.current(T + "T1")["status"] == "in-progress"


@pytest.mark.parametrize(
    "url",
    [
        "/admin",
        "https://evil.example/Communication/T1",
        "Communication/T1/_history/1",
        "Communication?x=1",
        "../T1",
        "",
    ],
)
def test_ac69_a_transaction_takes_addresses_of_resources_only(clinic: Clinic, url: str) -> None:
    alice = clinic["alice"]
    bundle = a_transaction(Write("PUT", "Communication", "T1", {**alice.read(T + "T1"), "status": "completed"}))
    bundle["entry"][0]["request"]["url"] = url
    with pytest.raises(outcome.Invalid):
        alice.connect().transaction(bundle)
    assert clinic.current(T + "T1")["status"] == "in-progress"


def test_ac71_a_draft_exists_for_its_writer_alone(clinic: Clinic) -> None:
    for who in (
        "bob",
        "homer",
        "supervisor",
        "literal supervisor",
        "auditor",
        "administrator",
        "client",
        "marge",
        "nora",
    ):
        assert like_none(clinic[who], T + "d1")
        assert "d1" not in clinic[who].search("Communication")
        guard = clinic[who].connect()
        assert not guard.may("read", "Communication", clinic.current(T + "d1"))
        assert not guard.may("update", "Communication", clinic.current(T + "d1"))
    assert clinic["alice"].updates(T + "d1", payload=[{"contentString": "two"}]) == 200


def test_ac71_the_versions_from_when_it_was_a_draft_stay_with_its_writer(clinic: Clinic) -> None:
    alice = clinic["alice"]
    assert alice.updates(T + "d1", payload=[{"contentString": "two"}]) == 200
    assert alice.updates(T + "d1", status="in-progress", recipient=refs(HOMER, BOB)) == 200
    assert alice.versions(T + "d1") == ["3", "2", "1"]
    for who in ("homer", "bob", "supervisor", "auditor"):
        assert clinic[who].versions(T + "d1") == ["3"]
    assert alice.updates(T + "d1", status="preparation") in (403, 422)


def test_ac72_a_draft_of_a_thread_one_was_removed_from_is_kept_and_not_saved(clinic: Clinic) -> None:
    clinic.change(T + "T1", recipient=refs(HOMER, BOB))
    alice = clinic["alice"]
    assert alice.reads(T + "T1", T + "d1") == [404, 200]
    assert alice.updates(T + "d1", payload=[{"contentString": "two"}]) == 404
