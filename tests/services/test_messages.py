"""Messages: sending exactly once, the timeline, internal notes, what came while somebody was writing."""

from uuid import uuid4

import pytest

from inbox.fhir import outcome, rows
from inbox.fhir.guard import Guarded
from inbox.fhir.store import Store
from inbox.services import messages, participants, receipts, threads
from tests import clinic, invariants

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]


@pytest.fixture
def thread(alice: Guarded) -> str:
    """alice, bob and homer."""
    return clinic.start(alice, "Practitioner/bob", text="Hello Homer")


def send(repo: Guarded, thread: str, text: str = "Thanks", **options: object) -> messages.Item:
    return messages.send(repo, thread, text=text, **{"client_id": str(uuid4()), **options})  # type: ignore[arg-type]


def texts(repo: Guarded, thread: str) -> list[str]:
    """What somebody reads of a thread, oldest first, without day lines."""
    items = messages.page(repo, threads.get(repo, thread)).items
    return [item.text for item in items if item.kind in ("message", "event")]


# Exactly once


def test_sending_ten_times_with_one_id_makes_one_message(homer: Guarded, thread: str) -> None:
    """F01."""
    client_id = str(uuid4())
    first = send(homer, thread, client_id=client_id)
    before = invariants.snapshot()
    answers = [send(homer, thread, client_id=form) for form in [client_id] * 9 + [client_id.upper()]]
    assert {one.id for one in answers} == {first.id}
    assert {one.text for one in answers} == {"Thanks"}
    assert invariants.snapshot() == before


def test_an_id_with_another_text_is_refused(homer: Guarded, thread: str) -> None:
    """F03."""
    client_id = str(uuid4())
    send(homer, thread, client_id=client_id)
    before = invariants.snapshot()
    with pytest.raises(messages.KeyReused):
        send(homer, thread, "Something else", client_id=client_id)
    assert invariants.snapshot() == before


def test_the_id_of_somebody_else_is_their_own(homer: Guarded, bob: Guarded, thread: str) -> None:
    client_id = str(uuid4())
    assert send(homer, thread, client_id=client_id).id != send(bob, thread, client_id=client_id).id


def test_a_retry_after_the_thread_was_closed_is_answered(alice: Guarded, homer: Guarded, thread: str) -> None:
    """F04: the answer was lost, the message was not."""
    client_id = str(uuid4())
    first = send(homer, thread, client_id=client_id)
    threads.close(alice, thread)
    assert send(homer, thread, client_id=client_id).id == first.id
    with pytest.raises(messages.Closed):
        send(homer, thread)


@pytest.mark.parametrize(
    ("text", "field"), [("", "text"), (" \n", "text"), ("x" * 100_001, "text"), ("\ud800", "text")]
)
def test_a_text_that_can_not_be_sent_is_refused(homer: Guarded, thread: str, text: str, field: str) -> None:
    before = invariants.snapshot()
    with pytest.raises(outcome.Unprocessable) as error:
        send(homer, thread, text)
    assert error.value.expression == [field]
    assert invariants.snapshot() == before


def test_the_longest_text_arrives_whole(homer: Guarded, alice: Guarded, thread: str) -> None:
    text = ("ü🩺\n" * 40_000)[:100_000].strip()
    assert send(homer, thread, text).long
    assert texts(alice, thread)[-1] == text


@pytest.mark.parametrize("client_id", ["", "x", "123"])
def test_a_damaged_client_id_is_refused(homer: Guarded, thread: str, client_id: str) -> None:
    with pytest.raises(outcome.Unprocessable):
        send(homer, thread, client_id=client_id)


def test_a_message_is_no_thread_to_answer_in(homer: Guarded, thread: str) -> None:
    with pytest.raises(outcome.NotFound):
        send(homer, send(homer, thread).id)


# Who receives it


def test_a_reply_goes_to_those_who_take_part_now(alice: Guarded, bob: Guarded, thread: str, system: Store) -> None:
    participants.remove(alice, thread, "Practitioner/bob", seen=threads.get(alice, thread).participants_version)
    sent = system.read("Communication", send(alice, thread).id)
    assert [one["reference"] for one in sent["recipient"]] == ["Patient/homer"]
    with pytest.raises(outcome.NotFound):
        send(bob, thread)


def test_somebody_who_leaves_while_a_message_is_on_its_way_does_not_receive_it(
    alice: Guarded, bob: Guarded, thread: str, system: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = alice.create

    def leave_first(*arguments: object, **options: object) -> object:
        monkeypatch.setattr(alice, "create", create)
        participants.leave(bob, thread)
        return create(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(alice, "create", leave_first)
    sent = system.read("Communication", send(alice, thread).id)
    assert [one["reference"] for one in sent["recipient"]] == ["Patient/homer"]


def test_strangers_and_the_supervisor_send_nothing(charlie: Guarded, sam: Guarded, thread: str) -> None:
    before = invariants.sizes()
    with pytest.raises(outcome.NotFound):
        send(charlie, thread)
    with pytest.raises(outcome.Forbidden):
        send(sam, thread)
    assert invariants.sizes() == before


def test_an_internal_note_reaches_staff_only(alice: Guarded, bob: Guarded, homer: Guarded, thread: str) -> None:
    note = send(bob, thread, "Among us", internal=True)
    assert note.internal
    assert "Among us" in texts(alice, thread)
    assert "Among us" not in texts(homer, thread)
    with pytest.raises(outcome.FHIRError):
        send(homer, thread, "Mine", internal=True)


# While somebody was writing


def test_news_are_shown_before_a_send_goes_past_them(alice: Guarded, homer: Guarded, thread: str) -> None:
    seen = messages.page(homer, threads.get(homer, thread)).newest_id
    send(alice, thread, "One more thing")
    with pytest.raises(messages.Unseen) as error:
        send(homer, thread, seen=seen)
    assert [item.text for item in error.value.items] == ["One more thing"]
    assert send(homer, thread, seen=seen, anyway=True).text == "Thanks"


def test_one_s_own_messages_are_no_news(homer: Guarded, thread: str) -> None:
    seen = messages.page(homer, threads.get(homer, thread)).newest_id
    send(homer, thread, "One")
    assert send(homer, thread, "Two", seen=seen).text == "Two"


def test_a_retry_is_answered_and_not_asked(alice: Guarded, homer: Guarded, thread: str) -> None:
    seen, client_id = messages.page(homer, threads.get(homer, thread)).newest_id, str(uuid4())
    first = send(homer, thread, seen=seen, client_id=client_id)
    send(alice, thread, "One more thing")
    assert send(homer, thread, seen=seen, client_id=client_id).id == first.id


# The timeline


def test_the_timeline_pages_back_to_the_first_message(alice: Guarded, homer: Guarded, thread: str) -> None:
    for number in range(60):
        send(alice if number % 2 else homer, thread, f"Message {number}")
    page = messages.page(homer, threads.get(homer, thread))
    older = messages.page(homer, threads.get(homer, thread), before=page.older)
    said = [item.text for one in (older, page) for item in one.items if item.kind == "message"]
    assert said == ["Hello Homer", *(f"Message {number}" for number in range(60))]
    assert older.older == ""


def test_an_answer_shows_what_it_answers(alice: Guarded, homer: Guarded, thread: str) -> None:
    first = messages.page(homer, threads.get(homer, thread)).newest_id
    assert send(homer, thread, in_response_to=first).id
    items = messages.page(alice, threads.get(alice, thread)).items
    quote = next(item.quote for item in items if item.text == "Thanks")
    assert quote is not None
    assert (quote.id, quote.text) == (first, "Hello Homer")


def test_the_unread_line_stands_before_the_first_unread_message(alice: Guarded, homer: Guarded, thread: str) -> None:
    receipts.mark_read(homer, thread)
    send(homer, thread, "Mine")
    for text in ("One", "Two"):
        send(alice, thread, text)
    since = receipts.mark_read(homer, thread)
    items = messages.page(homer, threads.get(homer, thread), unread_since=since).items
    shown = [item.text or item.kind for item in items if item.kind != "day"]
    assert shown == ["Hello Homer", "Mine", "unread", "One", "Two"]


def test_a_clock_that_steps_back_reorders_no_conversation(
    alice: Guarded, homer: Guarded, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F22."""
    for hour, (repo, text) in enumerate([(homer, "One"), (alice, "Two"), (homer, "Three")]):
        monkeypatch.setattr(rows, "now", lambda: rows.micros("2020-01-01") - hour * 3_600_000_000)  # noqa: B023
        send(repo, thread, text)
    assert texts(alice, thread) == ["Hello Homer", "One", "Two", "Three"]
