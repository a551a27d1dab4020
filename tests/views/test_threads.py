"""The pages of threads: what their buttons do, and what they say when something can not be done."""

from uuid import uuid4

import pytest

from inbox.fhir.guard import Guarded
from inbox.services import messages, threads
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
