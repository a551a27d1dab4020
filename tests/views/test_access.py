"""The access cases on the pages: full page, fragment and hand-made request give the same answer."""

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver

from inbox.fhir.guard import Guarded
from inbox.services import messages, participants, threads
from tests import clinic

from .conftest import Visit

pytestmark = pytest.mark.django_db(databases="__all__")

UNUSED = "00000000-0000-4000-8000-000000000000"
HTMX = {"HX-Request": "true", "HX-Target": "conversation", "HX-Current-URL": "http://testserver/threads/"}


@pytest.fixture
def thread(alice: Guarded) -> str:
    return clinic.start(alice, "Practitioner/bob", topic="Quarantined topic", text="Only for those who take part")


def routes(thread: str) -> list[str]:
    """Every address of the pages, with this thread in it."""
    found = []
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLPattern):
            found.append("/" + re.sub(r"<str:thread_id>", thread, str(pattern.pattern)))
    return [one for one in found if one not in ("/", "/healthz", "/readyz")]


def bytes_of(client: Client, path: str, **headers: str) -> tuple[int, bytes]:
    answer = client.get(path, headers=headers)
    return answer.status_code, re.sub(rb'value="[A-Za-z0-9]{64}"|[A-Za-z0-9]{64}', b"", answer.content)


def test_ac01_every_page_is_closed_to_the_anonymous(thread: str, client: Client) -> None:
    for path in routes(thread):
        answer = client.get(path)
        assert answer.status_code == 302, path
        assert answer["Location"].startswith("/accounts/login/"), path


def test_ac02_a_hidden_thread_answers_like_one_that_never_was(visit: Visit, thread: str) -> None:
    charlie = visit("charlie")
    for path in (p for p in routes(thread) if thread in p):
        for headers in ({}, HTMX):
            hidden = bytes_of(charlie, path, **headers)
            assert hidden == bytes_of(charlie, path.replace(thread, UNUSED), **headers), path
            assert hidden[0] in (404, 405, 302), path  # 302: to the page of the thread, which answers 404
            assert b"Only for those" not in hidden[1]


@pytest.mark.parametrize("change", ["messages", "notes", "close", "reopen", "people", "people/remove", "leave"])
def test_ac02_writes_to_a_hidden_thread_answer_alike(visit: Visit, thread: str, change: str) -> None:
    charlie = visit("charlie")
    form = {"text": "x", "client_id": str(uuid4()), "person": "Practitioner/charlie"}
    form["kind"] = "note" if change == "notes" else "reply"
    answers = [charlie.post(f"/threads/{id}/{change}/", form) for id in (thread, UNUSED)]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_ac04_a_patient_finds_no_trace_of_a_note(visit: Visit, alice: Guarded, homer: Guarded, thread: str) -> None:
    client = visit("homer")
    client.get(f"/threads/{thread}/")
    homer_before = threads.page(homer, threads.ListFilter(scope="all"))
    messages.send(alice, thread, text="SECRETNOTE", client_id=str(uuid4()), internal=True)
    for path in routes(thread):
        for headers in ({}, HTMX):
            answer = client.get(path, headers=headers)
            assert b"SECRETNOTE" not in answer.content, path
            assert b"nternal" not in answer.content, path
    assert threads.page(homer, threads.ListFilter(scope="all")) == homer_before


@pytest.mark.parametrize("change", ["messages", "notes", "close", "reopen", "people", "people/remove", "leave"])
def test_ac50_a_supervisor_is_refused_every_change(visit: Visit, alice: Guarded, thread: str, change: str) -> None:
    form = {"text": "x", "client_id": str(uuid4()), "person": "Practitioner/charlie", "anyway": "1"}
    form["kind"] = "note" if change == "notes" else "reply"
    before = alice.history("Communication", thread)
    assert visit("sam").post(f"/threads/{thread}/{change}/", form).status_code == 403
    assert alice.history("Communication", thread) == before


def test_ac51_a_supervisors_look_marks_nothing(visit: Visit, bob: Guarded, thread: str) -> None:
    assert b"Only for those" in visit("sam").get(f"/threads/{thread}/").content
    assert threads.unread_count(bob) == 1


def test_ac52_a_form_can_not_say_who_sends(visit: Visit, bob: Guarded, thread: str) -> None:
    form = {"text": "From whom?", "client_id": str(uuid4()), "kind": "reply", "sender": "Practitioner/alice"}
    form |= {"sent": "2001-01-01T00:00:00Z", "id": "mine", "practice": "other", "status": "completed"}
    assert visit("bob").post(f"/threads/{thread}/messages/", form).status_code == 302
    last = bob.search("Communication", [("part-of", f"Communication/{thread}"), ("_sort", "-sent")]).resources[0]
    assert last["sender"]["reference"] == "Practitioner/bob"
    assert last["id"] != "mine"
    assert not last["sent"].startswith("2001")


def test_ac82_a_fragment_is_decided_like_its_page(visit: Visit, thread: str) -> None:
    for name, status in (("bob", 200), ("homer", 200), ("sam", 200), ("charlie", 404)):
        client = visit(name)
        path = f"/threads/{thread}/"
        assert client.get(path).status_code == client.get(path, headers=HTMX).status_code == status
        answer = client.get(path, headers=HTMX)
        assert answer["Cache-Control"] == "no-store"


def test_ac83_htmx_headers_open_nothing(visit: Visit, thread: str) -> None:
    charlie = visit("charlie")
    for target in ("conversation", "messages", "rows", "composer", "threads", thread, "../" + thread):
        headers = {**HTMX, "HX-Target": target, "HX-Current-URL": f"http://testserver/threads/{thread}/"}
        answer = charlie.get("/threads/", headers=headers)
        assert b"Quarantined" not in answer.content
        assert charlie.get(f"/threads/{thread}/", headers=headers).status_code == 404


def test_ac85_no_change_without_a_token(visit: Visit, thread: str) -> None:
    alice = visit("alice", enforce_csrf_checks=True)
    forms = [path for path in routes(thread) if alice.post(path).status_code not in (404, 405)]
    assert len(forms) >= 8
    for path in forms:
        answer = alice.post(path, {"text": "kept text", "csrfmiddlewaretoken": "x" * 64})
        assert answer.status_code == 403, path
    assert b"kept text" in alice.post(f"/threads/{thread}/messages/", {"text": "kept text"}).content


def test_ac92_pages_are_kept_by_no_cache(visit: Visit, thread: str) -> None:
    alice = visit("alice")
    for path in ("/threads/", f"/threads/{thread}/", "/threads/new/", f"/threads/{thread}/people/"):
        assert alice.get(path)["Cache-Control"] == "no-store"
    assert b'hx-history="false"' in alice.get("/threads/").content
    sessions = alice.cookies["sessionid"].value
    alice.post("/accounts/logout/")
    alice.cookies["sessionid"] = sessions
    assert alice.get("/threads/").status_code == 302


def test_somebody_removed_loses_the_thread_at_once(visit: Visit, alice: Guarded, thread: str) -> None:
    bob = visit("bob")
    assert bob.get(f"/threads/{thread}/").status_code == 200
    seen = threads.get(alice, thread).participants_version
    participants.remove(alice, thread, "Practitioner/bob", seen=seen)
    assert bob.get(f"/threads/{thread}/").status_code == 404
    assert b"Quarantined" not in bob.get("/threads/").content


def test_a_read_that_can_not_be_audited_is_not_shown(
    visit: Visit, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import DatabaseError

    from inbox.fhir import audit, sql

    real = sql.insert

    def failing(model: type, *args: object, **options: object) -> object:
        if model is audit.AuditEvent and options.get("using"):
            raise DatabaseError("disk full")
        return real(model, *args, **options)  # type: ignore[arg-type]

    alice = visit("alice")
    monkeypatch.setattr(sql, "insert", failing)
    answer = alice.get(f"/threads/{thread}/")
    assert answer.status_code == 503
    assert b"Only for those" not in answer.content
