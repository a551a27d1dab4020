"""The pages of threads: what their buttons do, and what they say when something can not be done."""

from uuid import uuid4

import pytest

from inbox.fhir.guard import Guarded
from inbox.services import messages, participants, threads
from tests import clinic

from .conftest import Visit

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def thread(alice: Guarded) -> str:
    return clinic.start(alice, "Practitioner/bob", topic="Wrong patient", text="Meant for somebody else")


def test_an_administrator_sees_headers_without_a_word(visit: Visit, thread: str) -> None:
    kim = visit("kim")
    page = kim.get("/threads/")
    assert page.status_code == 200
    assert b"Homer Simpson" in page.content
    for path in ("/threads/", f"/threads/{thread}/"):
        assert b"Wrong patient" not in kim.get(path).content
        assert b"somebody else" not in kim.get(path).content


@pytest.mark.parametrize("name", ["alice", "kim"])
def test_opener_and_administrator_mark_a_thread_as_a_mistake(
    visit: Visit, alice: Guarded, homer: Guarded, thread: str, name: str
) -> None:
    client = visit(name)
    empty = client.post(f"/threads/{thread}/mistake/", {"reason": " "})
    assert (empty.status_code, b"Say why" in empty.content) == (422, True)
    assert client.post(f"/threads/{thread}/mistake/", {"reason": "Wrong chart"}).status_code == 302
    for repo in (alice, homer):
        for status in ("open", "closed"):
            assert not threads.page(repo, threads.ListFilter(status=status, scope="all")).rows
        assert threads.unread_count(repo) == 0
    assert visit("alice").get(f"/threads/{thread}/").status_code == 404


def test_nobody_else_marks_a_thread_as_a_mistake(visit: Visit, thread: str) -> None:
    for name in ("bob", "homer", "sam"):
        client = visit(name)
        assert client.get(f"/threads/{thread}/mistake/").status_code == 403, name
        assert client.post(f"/threads/{thread}/mistake/", {"reason": "x"}).status_code == 403, name
    assert visit("charlie").post(f"/threads/{thread}/mistake/", {"reason": "x"}).status_code == 404


def test_answering_one_message_quotes_it(visit: Visit, alice: Guarded, thread: str) -> None:
    first = messages.page(alice, threads.get(alice, thread)).newest_id
    homer = visit("homer")
    assert b"Answering Dr. Alice Smith" in homer.get(f"/threads/{thread}/?reply_to={first}").content
    form = {"text": "No, for me", "client_id": str(uuid4()), "kind": "reply", "in_response_to": first}
    assert homer.post(f"/threads/{thread}/messages/", form).status_code == 302
    last = messages.page(alice, threads.get(alice, thread)).items[-1]
    assert last.quote is not None
    assert (last.quote.id, last.quote.text) == (first, "Meant for somebody else")


def test_a_message_that_one_can_not_see_is_not_quoted(visit: Visit, alice: Guarded, thread: str) -> None:
    note = messages.send(alice, thread, text="SECRETNOTE", client_id=str(uuid4()), internal=True)
    homer = visit("homer")
    hidden = homer.get(f"/threads/{thread}/?reply_to={note.id}")
    assert b"SECRETNOTE" not in hidden.content
    assert b"Answering" not in hidden.content
    form = {"text": "What note?", "client_id": str(uuid4()), "kind": "reply", "in_response_to": note.id}
    answers = []
    for id in (note.id, str(uuid4())):
        answers.append(homer.post(f"/threads/{thread}/messages/", {**form, "in_response_to": id}))
    assert answers[0].status_code == answers[1].status_code != 302
    assert all(b"What note?" in one.content for one in answers)


HTMX = {"HX-Request": "true", "HX-Target": "composer"}


def test_a_note_that_came_too_late_is_still_a_note_after_reopening(
    visit: Visit, alice: Guarded, bob: Guarded, thread: str
) -> None:
    client = visit("alice")
    threads.close(bob, thread)
    form = {"text": "CONFIDENTIAL", "client_id": str(uuid4()), "kind": "note"}
    late = client.post(f"/threads/{thread}/notes/", form)
    assert (late.status_code, b'name="kind" value="note"' in late.content) == (409, True)
    again = client.post(f"/threads/{thread}/reopen/", form)
    assert b"CONFIDENTIAL" in again.content
    assert b'value="note" checked' in again.content
    assert b'value="reply" checked' not in again.content


def test_choosing_a_message_to_answer_reads_nothing_and_knows_of_nothing_new(
    visit: Visit, alice: Guarded, homer: Guarded, thread: str
) -> None:
    client = visit("alice")
    seen = messages.page(alice, threads.get(alice, thread)).newest_id
    messages.send(homer, thread, text="Wait, I am allergic", client_id=str(uuid4()))
    composer = client.get(f"/threads/{thread}/?reply_to={seen}&seen={seen}", headers=HTMX)
    assert b"allergic" not in composer.content
    assert f'value="{seen}"'.encode() in composer.content
    assert threads.unread_count(alice) == 1
    form = {"text": "Take two", "client_id": str(uuid4()), "kind": "reply", "seen": seen, "in_response_to": seen}
    assert client.post(f"/threads/{thread}/messages/", form, headers=HTMX).status_code == 409


def test_answering_a_note_is_a_note(visit: Visit, alice: Guarded, thread: str) -> None:
    note = messages.send(alice, thread, text="Between us", client_id=str(uuid4()), internal=True)
    composer = visit("bob").get(f"/threads/{thread}/?reply_to={note.id}", headers=HTMX)
    assert b'value="note" checked' in composer.content


@pytest.mark.parametrize("how", ["before", "HEAD"])
def test_what_does_not_show_the_newest_marks_nothing(
    visit: Visit, alice: Guarded, bob: Guarded, thread: str, how: str
) -> None:
    for number in range(60):
        messages.send(alice, thread, text=f"Message {number}", client_id=str(uuid4()))
    client, path = visit("bob"), f"/threads/{thread}/"
    older = messages.page(bob, threads.get(bob, thread)).older
    page = client.head(path) if how == "HEAD" else client.get(f"{path}?before={older}")
    assert page.status_code == 200
    assert threads.unread_count(bob) == 1
    assert how == "HEAD" or b"Newest messages" in page.content


def test_a_patient_is_never_left_without_staff(visit: Visit, alice: Guarded, bob: Guarded, thread: str) -> None:
    participants.leave(bob, thread)
    client = visit("alice")
    page = client.post(f"/threads/{thread}/leave/")
    assert (page.status_code, b"Add a colleague first" in page.content) == (422, True)
    assert not threads.get(alice, thread).may_leave


def test_somebody_who_comes_back_has_a_name_again(alice: Guarded, bob: Guarded, thread: str) -> None:
    for change in (participants.remove, participants.add):
        seen = threads.get(alice, thread).participants_version
        change(alice, thread, "Patient/homer", seen=seen)
    assert "Homer Simpson" in [one.name for one in threads.get(alice, thread).people]


def test_one_client_id_is_one_message_of_one_kind(visit: Visit, alice: Guarded, homer: Guarded, thread: str) -> None:
    client, id = visit("alice"), str(uuid4())
    form = {"text": "The same words", "client_id": id, "kind": "note"}
    assert client.post(f"/threads/{thread}/notes/", form).status_code == 302
    assert client.post(f"/threads/{thread}/notes/", form).status_code == 302
    other = client.post(f"/threads/{thread}/messages/", {**form, "kind": "reply"})
    assert (other.status_code, b"The same words" in other.content) == (422, True)
    assert "The same words" not in [one.text for one in messages.page(homer, threads.get(homer, thread)).items]


def test_a_text_sent_without_a_session_is_shown_again(visit: Visit, thread: str) -> None:
    from django.test import Client

    answer = Client().post(f"/threads/{thread}/messages/", {"text": "My knee hurts since Friday"})
    assert (answer.status_code, b"My knee hurts since Friday" in answer.content) == (403, True)


def test_people_are_people_of_this_practice(visit: Visit, alice: Guarded) -> None:
    form = {"topic": "Elsewhere", "text": "Kept text", "client_id": str(uuid4()), "patient": "Patient/homer"}
    for stranger in ("http://elsewhere.example/Practitioner/1", "Practitioner/nobody", "urn:uuid:1"):
        page = visit("alice").post("/threads/new/", {**form, "people": stranger})
        assert (page.status_code, b"Kept text" in page.content) == (422, True), stranger
    assert not threads.page(alice, threads.ListFilter()).rows
