"""How many queries a page costs: as many with three threads as with three hundred."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inbox.fhir.guard import Guarded
from inbox.services import messages, threads

from .conftest import Visit

pytestmark = pytest.mark.django_db(databases="__all__")

FREE = ("django_session", "accounts_user", "accounts_membership", "inbox_auditevent", "BEGIN", "SAVEPOINT", "RELEASE")


@pytest.fixture
def thread(alice: Guarded) -> str:
    """A thread of alice, homer and bob with a few messages."""
    id = start(alice, "Lab results")
    for text in ("One", "Two", "Three"):
        messages.send(alice, id, text=text, client_id=str(uuid4()))
    return id


def start(repo: Guarded, topic: str) -> str:
    return threads.start(
        repo,
        patient="Patient/homer",
        people=["Practitioner/bob"],
        topic=topic,
        tags=["lab-results"],
        text="Hello",
        client_id=str(uuid4()),
    )


def queries(work: Callable[[], object]) -> list[str]:
    """What a request asks the database, without session, user, membership, audit and transaction marks."""
    with CaptureQueriesContext(connections["default"]) as captured:
        work()
    asked = [one["sql"] for one in captured.captured_queries]
    return [sql for sql in asked if not sql.startswith(FREE[4:]) and not any(table in sql for table in FREE[:4])]


def fragment(client: Client, path: str) -> Callable[[], object]:
    return lambda: client.get(path, headers={"HX-Request": "true", "HX-Target": "conversation"})


@pytest.mark.parametrize("name", ["alice", "bob", "homer", "sam"])
def test_the_list_costs_at_most_six_queries_at_any_length(visit: Visit, alice: Guarded, thread: str, name: str) -> None:
    client = visit(name)
    few = queries(lambda: client.get("/threads/"))
    assert len(few) <= 6, "\n".join(few)
    for number in range(30):
        start(alice, f"Thread {number}")
    assert len(queries(lambda: client.get("/threads/"))) == len(few)


@pytest.mark.parametrize("name", ["alice", "homer", "sam"])
def test_an_open_conversation_costs_at_most_seven_queries(visit: Visit, alice: Guarded, thread: str, name: str) -> None:
    client = visit(name)
    client.get(f"/threads/{thread}/")  # marks it as read, which is counted apart
    few = queries(lambda: client.get(f"/threads/{thread}/"))
    assert len(few) <= 7 + 1, "\n".join(few)  # looking whether there is a mark to complete is the one more
    for number in range(60):
        messages.send(alice, thread, text=f"Message {number}", client_id=str(uuid4()))
    client.get(f"/threads/{thread}/")
    assert len(queries(lambda: client.get(f"/threads/{thread}/"))) == len(few)


def test_the_conversation_alone_costs_less_than_the_page(visit: Visit, thread: str) -> None:
    client = visit("alice")
    client.get(f"/threads/{thread}/")
    assert len(queries(fragment(client, f"/threads/{thread}/"))) <= 6


def test_an_older_page_costs_at_most_five_queries(visit: Visit, alice: Guarded, thread: str) -> None:
    for number in range(60):
        messages.send(alice, thread, text=f"Message {number}", client_id=str(uuid4()))
    older = messages.page(alice, threads.get(alice, thread)).older
    client = visit("alice")
    path = f"/threads/{thread}/messages/?before={older}"
    answer = client.get(path, headers={"HX-Request": "true"})
    assert b"Hello" in answer.content
    assert len(queries(lambda: client.get(path, headers={"HX-Request": "true"}))) <= 5


def test_the_badge_costs_at_most_two_queries(visit: Visit, thread: str) -> None:
    client = visit("bob")
    assert len(queries(lambda: client.get("/threads/unread/"))) <= 2


def test_a_send_costs_at_most_twenty_queries(visit: Visit, alice: Guarded, thread: str) -> None:
    client = visit("homer")
    seen = messages.page(alice, threads.get(alice, thread)).newest_id
    form = {"text": "Thank you", "client_id": str(uuid4()), "seen": seen, "kind": "reply"}
    headers = {"HX-Request": "true", "HX-Target": "composer"}
    asked = queries(lambda: client.post(f"/threads/{thread}/messages/", form, headers=headers))
    assert messages.page(alice, threads.get(alice, thread)).items[-1].text == "Thank you"
    assert len(asked) <= 20, "\n".join(asked)
