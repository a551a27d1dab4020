"""What follows from a message or a thread, whatever door it came through: activity, read marks, event lines."""

import random
from typing import Any
from uuid import uuid4

import pytest

from inbox.fhir import rows
from inbox.fhir.guard import Guarded
from inbox.fhir.store import Store
from inbox.fhir.types import Resource
from inbox.models import Practice
from inbox.services import messages, participants, receipts, threads, vocabulary
from inbox.services.threads import ListFilter
from tests import clinic, invariants

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]


@pytest.fixture
def thread(alice: Guarded) -> str:
    """alice, bob and homer."""
    return clinic.start(alice, "Practitioner/bob")


def send(repo: Guarded, thread: str, **options: Any) -> messages.Item:
    return messages.send(repo, thread, text="Hello", client_id=str(uuid4()), **options)


def raw_message(thread: str, **more: Any) -> Resource:
    """A message as a FHIR client would write it."""
    return {
        "resourceType": "Communication",
        "status": "in-progress",
        "partOf": [{"reference": f"Communication/{thread}"}],
        "sender": {"reference": "Patient/homer"},
        "recipient": [{"reference": "Practitioner/alice"}, {"reference": "Practitioner/bob"}],
        "payload": [{"contentString": "Hello"}],
        **more,
    }


def marks(system: Store, thread: str) -> dict[str, str]:
    """The state of everybody's read mark in a thread."""
    found = system.search("Task", [("focus", f"Communication/{thread}")]).resources
    return {one["owner"]["reference"]: one["status"] for one in found}


# Last activity


@pytest.mark.parametrize("door", ["service", "create", "bundle", "system"])
def test_a_message_moves_its_thread_once_whatever_its_door(
    homer: Guarded, system: Store, thread: str, door: str
) -> None:
    before = system.read("Communication", thread)["meta"]
    if door == "service":
        send(homer, thread)
    elif door == "bundle":
        entry = {"resource": raw_message(thread), "request": {"method": "POST", "url": "Communication"}}
        homer.transaction({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    else:
        {"create": homer, "system": Store(homer.actor)}[door].create(raw_message(thread))
    header = system.read("Communication", thread)
    message = system.search("Communication", [("part-of", f"Communication/{thread}"), ("_sort", "-sent")]).resources[0]
    assert int(header["meta"]["versionId"]) == int(before["versionId"]) + 1
    assert header["meta"]["lastUpdated"] > before["lastUpdated"]
    assert rows.header_activity(header) == message["meta"]["lastUpdated"]
    assert marks(system, thread) == {
        "Practitioner/alice": "requested",
        "Practitioner/bob": "requested",
        "Patient/homer": "requested",
    }


def test_an_internal_note_leaves_the_header_as_it_was(bob: Guarded, system: Store, thread: str) -> None:
    before = system.read("Communication", thread)
    send(bob, thread, internal=True)
    assert system.read("Communication", thread) == before
    assert len(system.history("Communication", thread)) == int(before["meta"]["versionId"])


def test_an_internal_note_is_owed_by_staff_alone(
    alice: Guarded, bob: Guarded, homer: Guarded, system: Store, thread: str
) -> None:
    for repo in (alice, bob, homer):
        receipts.mark_read(repo, thread)
    send(alice, thread, internal=True)
    assert marks(system, thread) == {"Practitioner/bob": "requested", "Patient/homer": "completed"}


def test_a_draft_moves_nothing_until_it_is_sent(alice: Guarded, homer: Guarded, system: Store, thread: str) -> None:
    before = system.read("Communication", thread)
    draft = homer.create(raw_message(thread, status="preparation")).resource
    assert draft is not None
    assert system.read("Communication", thread) == before
    assert receipts.unread_count(alice) == 0
    homer.update({**draft, "status": "in-progress"})
    assert rows.header_activity(system.read("Communication", thread)) > rows.header_activity(before)
    assert receipts.unread_count(alice) == 1


def test_a_retracted_message_moves_nothing(homer: Guarded, system: Store, thread: str) -> None:
    sent = system.read("Communication", send(homer, thread).id)
    before = system.read("Communication", thread)
    homer.update({**sent, "status": "entered-in-error"})
    assert system.read("Communication", thread) == before


def test_a_clock_that_steps_back_still_moves_the_thread(
    homer: Guarded, system: Store, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F22."""
    before = system.read("Communication", thread)
    monkeypatch.setattr(rows, "now", lambda: rows.micros("2020-01-01T00:00:00Z"))
    send(homer, thread)
    after = system.read("Communication", thread)
    assert rows.header_activity(after) > rows.header_activity(before)
    assert after["meta"]["lastUpdated"] > before["meta"]["lastUpdated"]


# Read marks


def test_reading_completes_the_mark_and_the_next_message_opens_the_same_one(
    alice: Guarded, homer: Guarded, system: Store, thread: str
) -> None:
    assert threads.unread_count(homer) == 1
    opened = receipts.mark_read(homer, thread)
    assert opened
    assert threads.unread_count(homer) == 0
    assert receipts.mark_read(homer, thread) == ""
    send(alice, thread)
    assert threads.unread_count(homer) == 1
    (task,) = system.search("Task", [("owner", "Patient/homer")]).resources
    assert task["code"] == vocabulary.receipt_code()
    assert task["focus"] == {"reference": f"Communication/{thread}"}
    assert len(system.history("Task", task["id"])) == 3


def test_a_second_unread_message_writes_no_mark_again(
    alice: Guarded, homer: Guarded, system: Store, thread: str
) -> None:
    send(alice, thread)
    send(alice, thread)
    (task,) = system.search("Task", [("owner", "Patient/homer")]).resources
    assert task["meta"]["versionId"] == "1"


def test_whoever_reads_without_taking_part_leaves_no_mark(sam: Guarded, system: Store, thread: str) -> None:
    before = invariants.sizes()
    assert receipts.mark_read(sam, thread) == ""
    assert invariants.sizes() == before


def test_badge_filter_list_and_api_agree(alice: Guarded, homer: Guarded) -> None:
    """8.2: one source."""
    ids = [clinic.start(alice) for _ in range(4)]
    receipts.mark_read(homer, ids[1])
    filtered = {row.id for row in threads.page(homer, ListFilter(unread=True)).rows}
    dotted = {row.id for row in threads.page(homer, ListFilter()).rows if row.unread}
    code = f"{vocabulary.READ_RECEIPT_SYSTEM}|{vocabulary.READ_RECEIPT}"
    query = [
        ("code", code),
        ("owner", "Patient/homer"),
        ("status", "requested"),
        ("_total", "accurate"),
        ("_count", "0"),
    ]
    assert filtered == dotted == {ids[0], ids[2], ids[3]}
    assert homer.search("Task", query).total == threads.unread_count(homer) == 3


def test_whoever_is_removed_owes_nothing_more(alice: Guarded, bob: Guarded, system: Store, thread: str) -> None:
    """AC19."""
    assert threads.unread_count(bob) == 1
    participants.remove(alice, thread, "Practitioner/bob", seen=threads.get(alice, thread).participants_version)
    assert threads.unread_count(bob) == 0
    send(alice, thread)
    assert marks(system, thread)["Practitioner/bob"] == "cancelled"
    participants.add(alice, thread, "Practitioner/bob", seen=threads.get(alice, thread).participants_version)
    assert threads.unread_count(bob) == 0
    send(alice, thread)
    assert threads.unread_count(bob) == 1


def test_a_thread_opened_by_mistake_is_owed_by_nobody(
    alice: Guarded, bob: Guarded, homer: Guarded, thread: str
) -> None:
    header = alice.read("Communication", thread)
    alice.update({**header, "status": "entered-in-error", "statusReason": {"text": "Wrong patient"}})
    assert (threads.unread_count(bob), threads.unread_count(homer)) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_unread_is_what_a_recount_gives_after_anything(practice: Practice, system: Store, seed: int) -> None:
    """F31: starting, sending, noting, reading, joining, leaving and closing at random."""
    chance = random.Random(seed)
    names = ("Practitioner/alice", "Practitioner/bob", "Practitioner/charlie")
    staff = {name: clinic.connect(practice, name, "clinician") for name in names}
    everybody = {**staff, "Patient/homer": clinic.connect(practice, "Patient/homer", "patient")}
    owed: dict[tuple[str, str], bool] = {}
    open_threads: dict[str, set[str]] = {}
    for _ in range(60):
        if not open_threads or chance.random() < 0.1:
            opener, other = chance.sample(names, 2)
            id = clinic.start(staff[opener], other)
            open_threads[id] = {opener, other, "Patient/homer"}
            owed |= {(id, reader): True for reader in open_threads[id] - {opener}}
            continue
        id = chance.choice(sorted(open_threads))
        who = chance.choice(sorted(open_threads[id]))
        action = chance.choice(["send", "send", "note", "read", "read", "leave", "add"])
        if action == "send" or (action == "note" and who in staff):
            send(everybody[who], id, internal=action == "note")
            reached = open_threads[id] & (set(staff) if action == "note" else set(everybody))
            owed |= {(id, reader): True for reader in reached - {who}}
        elif action == "read":
            receipts.mark_read(everybody[who], id)
            owed[id, who] = False
        elif action == "leave" and who in staff and len(open_threads[id] & set(staff)) > 1:
            participants.leave(staff[who], id)
            open_threads[id].discard(who)
            owed[id, who] = False
        elif action == "add" and who in staff:
            new = chance.choice(names)
            seen = threads.get(staff[who], id).participants_version
            participants.add(staff[who], id, new, seen=seen)
            open_threads[id].add(new)
    for name, repo in everybody.items():
        wanted = {id for (id, reader), unread in owed.items() if unread and reader == name}
        assert threads.unread_count(repo) == len(wanted)
        assert {one.partition("/")[2] for one in receipts.unread_threads(repo)} == wanted
    invariants.check()
