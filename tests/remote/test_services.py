"""The services of the messaging inbox on a server that others wrote: same functions, same guard, same answers."""

import io
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from inbox import fhir
from inbox.fhir import builtin, outcome
from inbox.fhir.events import Change
from inbox.fhir.guard import Guarded
from inbox.fhir.remote_http import Server
from inbox.fhir.remote_token import Credentials
from inbox.fhir.repository import Upload, Write
from inbox.models import AuditEvent, Outbox, Practice, RemoteVersion
from inbox.services import derived, elsewhere, messages, participants, people, receipts, threads
from inbox.services.threads import ListFilter
from tests import clinic
from tests.remote.conftest import Look
from tests.remote.peer import Peer

pytestmark = pytest.mark.django_db(databases="__all__")


def another_app(peer: Peer) -> Server:
    """Somebody else who writes to the same server."""
    return Server(peer.url, Credentials(peer.token_url, peer.client_id, peer.client_secret))


def send(repo: Guarded, thread: str, text: str, **more: object) -> messages.Item:
    return messages.send(repo, thread, text=text, client_id=str(uuid4()), **more)  # type: ignore[arg-type]


def texts(repo: Guarded, thread: str) -> list[str]:
    """What somebody reads in a thread, oldest first."""
    page = messages.page(repo, threads.get(repo, thread))
    return [one.text for one in page.items if one.kind in ("message", "event")]


def titles(repo: Guarded, **filter: object) -> list[str]:
    return [one.title for one in threads.page(repo, ListFilter(**filter)).rows]  # type: ignore[arg-type]


@pytest.fixture
def thread(alice: Guarded, look: Look) -> str:
    return clinic.start(alice, "Practitioner/bob", topic="Lab results", text="Hello Homer")


def test_a_thread_is_started_listed_and_answered(alice: Guarded, homer: Guarded, thread: str, look: Look) -> None:
    send(homer, thread, "Thank you")
    look()
    for repo in (alice, homer):
        assert titles(repo, scope="mine") == ["Lab results"]
        assert texts(repo, thread) == ["Hello Homer", "Thank you"]
    row = threads.page(alice, ListFilter(scope="mine")).rows[0]
    assert (row.author, row.preview) == ("Homer", "Thank you")
    assert row.people == "Dr. Alice Smith, Homer Simpson, Bob Nurse"


def test_what_is_unread_is_counted_marked_and_read(alice: Guarded, bob: Guarded, thread: str, look: Look) -> None:
    look()
    assert threads.unread_count(alice) == 0
    assert threads.unread_count(bob) == 1
    assert [one.unread for one in threads.page(bob, ListFilter(scope="mine")).rows] == [True]
    assert titles(bob, unread=True) == ["Lab results"]
    assert receipts.mark_read(bob, thread)
    assert threads.unread_count(bob) == 0
    send(alice, thread, "One more")
    look()
    assert threads.unread_count(bob) == 1


def test_looking_again_makes_nothing_twice(practice: Practice, thread: str, look: Look, bob: Guarded) -> None:
    look()
    receipts.mark_read(bob, thread)
    look()
    system = fhir.system(practice.pk)
    before = {type: system.search(type, [("_count", "100")]).resources for type in ("Communication", "Task")}
    rows = Outbox.objects.count()
    assert look() == 0
    assert {type: system.search(type, [("_count", "100")]).resources for type in before} == before
    assert Outbox.objects.count() == rows


def test_a_worker_that_lost_its_notes_repeats_nothing_that_matters(
    practice: Practice, thread: str, look: Look, bob: Guarded, alice: Guarded
) -> None:
    threads.close(alice, thread)
    look()
    receipts.mark_read(bob, thread)
    look()
    system = fhir.system(practice.pk)
    before = {type: system.search(type, [("_count", "100")]).resources for type in ("Communication", "Task")}
    RemoteVersion.objects.exclude(fhir_id="").delete()
    assert look() > 0
    assert {type: system.search(type, [("_count", "100")]).resources for type in before} == before


def test_closing_and_people_are_told_by_lines_that_name_who_did_it(
    alice: Guarded, bob: Guarded, homer: Guarded, thread: str, look: Look
) -> None:
    look()
    participants.add(alice, thread, "Practitioner/charlie", seen="")
    participants.leave(bob, thread)
    threads.close(alice, thread)
    look()
    assert texts(homer, thread)[1:] == [
        "Dr. Alice Smith added Charlie Stranger",
        "Bob Nurse left",
        "Dr. Alice Smith closed this",
    ]
    assert titles(homer, status="closed", scope="all") == ["Lab results"]
    with pytest.raises(messages.Closed):
        send(homer, thread, "Too late")
    threads.reopen(alice, thread)
    send(homer, thread, "In time")


def test_what_others_do_on_the_server_has_the_same_consequences(
    peer: Peer, alice: Guarded, bob: Guarded, thread: str, look: Look
) -> None:
    look()
    receipts.mark_read(bob, thread)
    look()
    rows = Outbox.objects.count()
    header = alice.read("Communication", thread)
    message = messages.draft(alice.actor, header, "From another app")
    message["sender"] = {"reference": "Patient/homer"}
    message["recipient"] = [{"reference": "Practitioner/alice"}, {"reference": "Practitioner/bob"}]
    another_app(peer).send("POST", "Communication", message)
    look()
    assert threads.unread_count(bob) == 1
    assert "From another app" in texts(bob, thread)
    assert Outbox.objects.count() > rows


def test_a_stranger_and_a_patient_see_what_their_policy_admits(
    bob: Guarded, homer: Guarded, charlie: Guarded, sam: Guarded, thread: str
) -> None:
    send(bob, thread, "Only for staff", internal=True)
    assert texts(homer, thread) == ["Hello Homer"]
    assert texts(sam, thread) == ["Hello Homer", "Only for staff"]
    hidden, unknown = thread, str(uuid4())
    for id in (hidden, unknown):
        with pytest.raises(outcome.NotFound):
            threads.get(charlie, id)
        with pytest.raises(outcome.NotFound):
            send(charlie, id, "May I?")
    assert titles(charlie, scope="all") == []
    assert charlie.search("Communication", [("_total", "accurate")]).total == 0
    with pytest.raises(outcome.Forbidden):
        send(sam, thread, "I only read")


def test_sending_twice_is_one_message(homer: Guarded, thread: str) -> None:
    id = str(uuid4())
    first = messages.send(homer, thread, text="Once", client_id=id)
    again = messages.send(homer, thread, text="Once", client_id=id)
    assert first.id == again.id
    assert texts(homer, thread) == ["Hello Homer", "Once"]
    with pytest.raises(messages.KeyReused):
        messages.send(homer, thread, text="Another", client_id=id)


def test_starting_twice_is_one_thread(alice: Guarded) -> None:
    id = str(uuid4())
    both = {
        threads.start(
            alice, patient="Patient/homer", people=["Practitioner/bob"], topic="x", tags=[], text="y", client_id=id
        )
        for _ in range(2)
    }
    assert len(both) == 1


def test_a_new_message_while_writing_is_asked_about(alice: Guarded, homer: Guarded, thread: str) -> None:
    seen = messages.page(homer, threads.get(homer, thread)).newest_id
    send(alice, thread, "Wait")
    with pytest.raises(messages.Unseen) as error:
        send(homer, thread, "Hello", seen=seen)
    assert [one.text for one in error.value.items] == ["Wait"]


def test_two_edits_of_the_people_never_overwrite_each_other(alice: Guarded, bob: Guarded, thread: str) -> None:
    seen = threads.get(alice, thread).participants_version
    participants.add(alice, thread, "Practitioner/charlie", seen=seen)
    with pytest.raises(participants.Changed):
        participants.remove(bob, thread, "Patient/homer", seen=seen)
    header = alice.read("Communication", thread)
    assert "Practitioner/charlie" in builtin.recipients(header)
    assert "Patient/homer" in builtin.recipients(header)


def test_people_are_found(alice: Guarded) -> None:
    assert [one.name for one in people.search(alice, "bob")] == ["Bob Nurse"]
    assert [one.name for one in people.patients(alice, "hom")] == ["Homer Simpson"]


def test_writes_are_audited_here_with_who_and_what(alice: Guarded, thread: str) -> None:
    send(alice, thread, "Seen by the auditor")
    mine = AuditEvent.objects.filter(actor="Practitioner/alice").values_list("interaction", flat=True)
    assert list(mine) == ["send", "send", "create", "create", "send", "create"]
    alice.trail.write()
    assert (
        AuditEvent.objects.using(settings.AUDIT_READS).filter(actor="Practitioner/alice", interaction="read").exists()
    )


def test_a_file_is_its_uploaders_until_a_message_carries_it(
    alice: Guarded, homer: Guarded, charlie: Guarded, thread: str, look: Look
) -> None:
    look()
    scan = {"resourceType": "Binary", "contentType": "text/plain"}
    file = alice.upload(scan, Upload(io.BytesIO(b"HbA1c 6.1"), "lab.txt")).resource
    assert file is not None
    assert alice.download(file["id"])[1].open().read() == b"HbA1c 6.1"
    for repo in (homer, charlie):
        with pytest.raises(outcome.NotFound):
            repo.download(file["id"])
    message = messages.draft(alice.actor, alice.read("Communication", thread), "See the file")
    url = {"contentAttachment": {"url": f"Binary/{file['id']}", "contentType": "text/plain", "title": "lab.txt"}}
    alice.create({**message, "payload": [*message["payload"], url]})
    look()
    assert homer.download(file["id"])[1].open().read() == b"HbA1c 6.1"
    with pytest.raises(outcome.NotFound):
        charlie.download(file["id"])


def test_what_the_server_refuses_is_given_up_and_holds_up_nothing_else(
    alice: Guarded, bob: Guarded, thread: str, look: Look, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    look()
    receipts.mark_read(bob, thread)
    look()
    real = derived.follow

    def refusing(sender: object, changes: list[Change], **more: Any) -> list[Write]:
        if any(messages.text_of(one.resource) == "Poison" for one in changes):
            raise outcome.Unprocessable("No such code")
        return real(sender, changes, **more)

    monkeypatch.setattr(derived, "follow", refusing)
    send(alice, thread, "Poison")
    send(alice, thread, "Good")
    for _ in range(elsewhere.GIVEN_UP + 1):
        look()
    assert threads.unread_count(bob) == 1
    assert "is given up: No such code" in caplog.text
    assert look() == 0
