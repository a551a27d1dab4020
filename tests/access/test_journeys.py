"""What follows one upon the other: pools and claims, joining and leaving, retracting and correcting."""

import uuid

import pytest

from inbox.fhir import outcome
from inbox.fhir.types import Resource
from inbox.services import participants, threads

from .conftest import Clinic
from .people import Person
from .world import ALICE, BOB, CHARLIE, HOMER, NED, NICK, NORA, code, header, message, provenance, ref, refs, task

pytestmark = pytest.mark.django_db(databases="__all__")
T = "Communication/"
RETRACT = {"status": "entered-in-error", "payload": None}


def created(person: Person, resource: Resource) -> str:
    """The reference of what somebody has just made and may read."""
    found = person.create(resource).resource
    assert found is not None
    return f"{found['resourceType']}/{found['id']}"


def test_of_two_who_claim_one_wins_and_the_other_learns_who(clinic: Clinic) -> None:
    nora, nick = clinic["nora"], clinic["nick"]
    assert [nora.reads(T + "T3", T + "y1", "Task/p1"), nick.reads(T + "T3", T + "y1", "Task/p1")] == [[200] * 3] * 2
    seen = nora.read("Task/p1")["meta"]["versionId"]
    assert nora.updates("Task/p1", owner=ref(NORA), status="accepted", if_match=seen) == 200
    assert nick.updates("Task/p1", owner=ref(NICK), status="accepted", if_match=seen) == 412
    assert nick.read("Task/p1")["owner"]["reference"] == NORA
    assert nick.updates("Task/p1", owner=ref(NICK), status="accepted") == 403


def test_a_claim_closes_the_thread_to_the_rest_of_the_pool(clinic: Clinic) -> None:
    clinic.change("Task/p10", status="cancelled")
    assert clinic["nora"].updates("Task/p1", owner=ref(NORA), status="accepted") == 200
    assert clinic["nick"].reads(T + "T3", T + "y1") == [404, 404]
    assert T + "T3" not in clinic["nick"].search("Communication")
    clinic.change(T + "T3", recipient=refs(NED, BOB, NORA))
    answer = created(clinic["nora"], message("T3", NED, sender=ref(NORA), subject=ref(NED)))
    assert clinic["ned"].reads(answer) == 200
    assert clinic["nora"].updates("Task/p1", status="completed") == 200
    assert clinic["nora"].updates("Task/p1", status="requested") == 403


@pytest.mark.parametrize("active", [True, None])
def test_a_role_opens_its_pool_at_once_and_an_ended_one_closes_it(clinic: Clinic, active: bool | None) -> None:
    charlie = clinic["charlie"]
    assert charlie.reads("Task/p1", T + "T3") == [404, 404]
    role: Resource = {
        "resourceType": "PractitionerRole",
        "id": "new",
        "practitioner": ref(CHARLIE),
        "code": [code("nurse")],
    }
    clinic.put({**role, **({"active": active} if active else {})})
    assert charlie.reads("Task/p1", T + "T3") == [200, 200]
    clinic.put({**role, "active": False})
    assert charlie.reads("Task/p1", T + "T3") == [404, 404]


def test_a_task_that_is_rerouted_leaves_its_owner(clinic: Clinic) -> None:
    clinic.put(task("T2", "away", status="accepted", owner=ref(CHARLIE)))
    charlie, bob = clinic["charlie"], clinic["bob"]
    assert charlie.updates("Task/away", owner=ref(BOB), status="completed") == 403
    assert charlie.updates("Task/away", owner=ref(BOB), status="requested", priority="stat") == 403
    assert charlie.updates("Task/away", owner=ref(BOB), status="requested") == 200
    assert charlie.reads("Task/away") == 404
    assert bob.updates("Task/away", status="accepted") == 200


def test_the_reason_of_a_reroute_goes_with_the_task_one_step_and_no_further(clinic: Clinic) -> None:
    reason = created(clinic["alice"], provenance("", "Task/r1", ALICE, reason=[{"text": "away"}]))
    assert [clinic[one].reads(reason) for one in ("alice", "bob", "charlie", "homer")] == [200, 404, 404, 403]
    clinic.change("Task/r1", owner=ref(CHARLIE))
    assert clinic["charlie"].reads(reason) == 200


def test_keeping_sight_is_a_new_task(clinic: Clinic) -> None:
    bob, alice = clinic["bob"], clinic["alice"]
    assert bob.updates("Task/r2", status="cancelled", note=[{"text": "to alice"}]) == 200
    new = created(bob, task("T1", owner=ref(ALICE)))
    assert bob.reads(T + "T1", new) == alice.reads(T + "T1", new) == [200, 200]
    pooled = created(alice, task("T1", performerType=[code("nurse")]))
    assert clinic["nora"].reads(pooled, T + "T1", T + "m1", T + "m2", T + "d1") == [200, 200, 200, 200, 404]
    assert clinic["nora"].creates(message("T1", HOMER, sender=ref(NORA))) == 403


def test_joining_and_leaving(clinic: Clinic) -> None:
    alice, charlie, bob = clinic["alice"], clinic["charlie"], clinic["bob"]
    seen = threads.get(alice.connect(), "T1").participants_version
    participants.add(alice.connect(), "T1", CHARLIE, seen=seen)
    mine = created(charlie, message("T1", HOMER, sender=ref(CHARLIE)))
    assert charlie.reads(T + "T1", T + "m1", mine) == [200, 404, 200]
    with pytest.raises(participants.Changed):
        participants.remove(alice.connect(), "T1", CHARLIE, seen=seen)
    participants.leave(charlie.connect(), "T1")
    assert charlie.reads(T + "T1", mine) == [404, 200]
    with pytest.raises(outcome.NotFound):
        participants.leave(charlie.connect(), "T1")
    participants.leave(bob.connect(), "T1")
    assert bob.reads(T + "T1", T + "m1") == [404, 200]


def test_an_opener_who_leaves_keeps_her_words_only(clinic: Clinic) -> None:
    alice = clinic["alice"]
    participants.leave(alice.connect(), "T1")
    assert alice.reads(T + "T1", T + "m3", T + "d1") == [404, 200, 200]
    assert alice.creates(message("T1", HOMER)) == 400
    assert clinic["homer"].reads(T + "T1") == 200


@pytest.mark.parametrize("person", ["Practitioner/dora", "Practitioner/none"])
def test_who_can_not_be_found_is_not_added(clinic: Clinic, person: str) -> None:
    alice = clinic["alice"]
    seen = threads.get(alice.connect(), "T1").participants_version
    with pytest.raises(outcome.Unprocessable) as error:
        participants.add(alice.connect(), "T1", person, seen=seen)
    assert person not in error.value.text


def test_patients_do_not_edit_participants(clinic: Clinic) -> None:
    homer = clinic["homer"]
    shown = threads.get(homer.connect(), "T1")
    assert (shown.may_reply, shown.may_note, shown.may_close, shown.may_edit_people, shown.may_leave) == (
        (True,) + (False,) * 4
    )
    with pytest.raises(outcome.Forbidden):
        participants.add(homer.connect(), "T1", ALICE + "2", seen=shown.participants_version)


def test_a_retracted_message_is_a_tombstone_and_its_past_is_its_senders(clinic: Clinic) -> None:
    alice, homer, bob = clinic["alice"], clinic["homer"], clinic["bob"]
    assert alice.updates(T + "m3", **RETRACT) == 200
    assert homer.shows(T + "m3") >= {"status", "sender"}
    assert "payload" not in homer.shows(T + "m3")
    assert homer.versions(T + "m3") == bob.versions(T + "m3") == 403
    assert alice.versions(T + "m3") == ["2", "1"]
    assert clinic["supervisor"].versions(T + "m3") == ["2", "1"]
    assert alice.updates(T + "m3", status="in-progress") == 403


def test_a_file_goes_with_the_text_that_is_retracted(clinic: Clinic) -> None:
    clinic.put(message("T1", HOMER, BOB, id="filed", payload=[{"contentAttachment": {"url": "Binary/b-new"}}]))
    clinic.change("Binary/b-new", securityContext=ref(T + "filed"))
    people = {one: clinic[one] for one in ("alice", "bob", "homer", "charlie", "dora")}
    assert [one.reads("Binary/b-new") for one in people.values()] == [200, 200, 200, 404, 404]
    assert people["alice"].updates(T + "filed", **RETRACT) == 200
    assert [one.reads("Binary/b-new") for one in people.values()] == [200, 404, 404, 404, 404]


@pytest.mark.parametrize("file", ["b1", "none"])
def test_a_file_that_is_not_ones_own_can_not_be_sent(clinic: Clinic, file: str) -> None:
    stolen = message("T1", status="preparation", partOf=None, sender=ref(CHARLIE), subject=None)
    stolen["payload"] = [{"contentAttachment": {"url": f"Binary/{file}"}}]
    assert clinic["charlie"].creates(stolen) == 400
    assert clinic["alice"].creates({**stolen, "sender": ref(ALICE)}) == (201 if file == "b1" else 400)


def test_a_correction_answers_what_was_retracted(clinic: Clinic) -> None:
    alice = clinic["alice"]
    assert alice.updates(T + "m3", status="entered-in-error") == 200
    correction = message("T1", HOMER, BOB, category=[code("correction")], inResponseTo=refs(T + "m3"))
    assert clinic["homer"].reads(created(alice, correction), T + "m3") == [200, 200]


def test_a_draft_is_written_sent_and_never_a_draft_again(clinic: Clinic) -> None:
    homer = clinic["homer"]
    draft = created(homer, message("T1", sender=ref(HOMER), status="preparation", recipient=None))
    assert homer.updates(draft, payload=[{"contentString": "two"}]) == 200
    assert clinic["alice"].reads(draft) == 404
    assert homer.updates(draft, status="in-progress", recipient=refs(ALICE)) == 200
    assert clinic["alice"].reads(draft) == 200
    assert clinic["alice"].versions(draft) == ["3"]
    assert homer.updates(draft, status="preparation") in (403, 422)


def test_a_thread_and_its_first_message_are_made_together_by_a_patient(clinic: Clinic) -> None:
    homer, client_id = clinic["homer"], str(uuid.uuid4())
    start = {"patient": HOMER, "topic": "A question", "tags": [], "text": "Hello", "client_id": client_id}
    thread = threads.start(homer.connect(), people=[ALICE], **start)
    assert threads.start(homer.connect(), people=[ALICE], **start) == thread
    assert clinic["alice"].reads(T + thread) == 200
    assert clinic["bob"].reads(T + thread) == clinic["ned"].reads(T + thread) == 404
    with pytest.raises(outcome.Forbidden):
        threads.start(homer.connect(), people=[BOB], **{**start, "client_id": str(uuid.uuid4())})


def test_the_contacts_of_a_patient_are_the_active_team_and_the_carers_of_today(clinic: Clinic) -> None:
    homer = clinic["homer"]
    assert [homer.creates(header(HOMER, one, sender=ref(HOMER))) for one in (ALICE, BOB)] == [201, 403]
    clinic.change("CareTeam/homer-team", status="inactive")
    clinic.change("CareTeam/homer-old-team", status="active")
    assert [homer.creates(header(HOMER, one, sender=ref(HOMER))) for one in (ALICE, BOB)] == [403, 201]


def test_a_client_writes_for_anybody_of_its_practice(clinic: Clinic) -> None:
    client = clinic["client"]
    thread = created(client, header(HOMER, ALICE))
    first = created(client, message(thread.partition("/")[2], ALICE, sender=ref(HOMER)))
    assert clinic["alice"].reads(thread, first) == clinic["homer"].reads(thread, first) == [200, 200]
    assert client.updates(first, sender=ref(BOB)) == 422
    assert client.deletes(first) == 403
    assert client.updates(thread, status="completed") == 200
