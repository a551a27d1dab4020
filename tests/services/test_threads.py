"""Threads: starting, the list, closing and reopening, through the services and behind the guard."""

from uuid import uuid4

import pytest

from inbox.fhir import outcome
from inbox.fhir.guard import Guarded
from inbox.fhir.store import Store
from inbox.services import messages, receipts, threads
from inbox.services.threads import ListFilter
from tests import clinic, invariants

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]


def begin(repo: Guarded, client_id: str, **changes: object) -> str:
    """Start a thread with bob and homer, as one form would."""
    form: dict[str, object] = {"patient": "Patient/homer", "people": ["Practitioner/bob"], "topic": "Labs", "tags": []}
    return threads.start(repo, **{**form, "text": "Hello", "client_id": client_id, **changes})  # type: ignore[arg-type]


def titles(repo: Guarded, **filter: object) -> list[str]:
    return [row.title for row in threads.page(repo, ListFilter(**filter)).rows]  # type: ignore[arg-type]


# Starting


def test_a_thread_starts_with_its_header_and_its_first_message(alice: Guarded, system: Store) -> None:
    id = begin(alice, str(uuid4()), tags=["lab-results"])
    header = system.read("Communication", id)
    assert header["topic"] == {"text": "Labs"}
    assert "payload" not in header
    assert "partOf" not in header
    assert [one["reference"] for one in header["recipient"]] == [
        "Practitioner/alice",
        "Patient/homer",
        "Practitioner/bob",
    ]
    (message,) = system.search("Communication", [("part-of", f"Communication/{id}")]).resources
    assert message["payload"] == [{"contentString": "Hello"}]
    assert (message["topic"], message["subject"]) == (header["topic"], header["subject"])
    assert [one["code"] for concept in message["category"] for one in concept["coding"]] == ["lab-results"]
    assert [one["reference"] for one in message["recipient"]] == ["Patient/homer", "Practitioner/bob"]


def test_starting_ten_times_with_one_id_starts_one_thread(alice: Guarded) -> None:
    """F01 for threads."""
    client_id = str(uuid4())
    first = begin(alice, client_id)
    before = invariants.sizes()
    assert {begin(alice, form) for form in [client_id] * 8 + [client_id.upper(), f"{{{client_id}}}"]} == {first}
    assert invariants.sizes() == before


@pytest.mark.parametrize("change", [{"text": "Other"}, {"topic": "Other"}])
def test_an_id_that_started_another_thread_is_refused(alice: Guarded, change: dict[str, object]) -> None:
    """F03: the first one is untouched."""
    client_id = str(uuid4())
    begin(alice, client_id)
    before = invariants.snapshot()
    with pytest.raises(messages.KeyReused) as error:
        begin(alice, client_id, **change)
    assert error.value.status == 422
    assert invariants.snapshot() == before


def test_the_same_id_of_somebody_else_is_their_own(alice: Guarded, bob: Guarded) -> None:
    client_id = str(uuid4())
    assert begin(alice, client_id) != begin(bob, client_id, people=["Practitioner/alice"])


def test_an_id_that_sent_a_message_elsewhere_still_starts_a_whole_thread(alice: Guarded, system: Store) -> None:
    client_id = str(uuid4())
    messages.send(alice, begin(alice, str(uuid4())), text="Hello", client_id=client_id)
    id = begin(alice, client_id)
    assert len(system.search("Communication", [("part-of", f"Communication/{id}")]).resources) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"topic": "  "}, "topic"),
        ({"topic": "x" * 201}, "topic"),
        ({"text": " \n "}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"people": [], "patient": ""}, "people"),
    ],
)
def test_what_can_not_be_sent_is_refused_by_its_field(alice: Guarded, change: dict[str, object], field: str) -> None:
    before = invariants.snapshot()
    with pytest.raises(outcome.Unprocessable) as error:
        begin(alice, str(uuid4()), **change)
    assert error.value.expression == [field]
    assert invariants.snapshot() == before


def test_somebody_who_does_not_exist_makes_no_thread(alice: Guarded) -> None:
    before = invariants.snapshot()
    with pytest.raises(outcome.Unprocessable) as refused:
        begin(alice, str(uuid4()), people=["Practitioner/nobody"])
    assert refused.value.expression == ["people"]
    assert {**invariants.snapshot(), "AuditEvent": []} == {**before, "AuditEvent": []}


def test_a_thread_of_staff_about_a_patient_leaves_the_patient_out(alice: Guarded, homer: Guarded) -> None:
    id = begin(alice, str(uuid4()), staff_only=True)
    assert threads.get(alice, id).staff_only
    assert titles(homer) == []
    with pytest.raises(outcome.NotFound):
        threads.get(homer, id)


def test_the_supervisor_starts_nothing(sam: Guarded) -> None:
    with pytest.raises(outcome.Forbidden):
        begin(sam, str(uuid4()))


# The list


def test_the_list_shows_headers_of_mine_newest_activity_first(alice: Guarded, bob: Guarded, charlie: Guarded) -> None:
    first, second = (clinic.start(alice, "Practitioner/bob", topic=topic) for topic in ("First", "Second"))
    clinic.start(alice, topic="Without bob")
    assert titles(bob) == ["Second", "First"]
    messages.send(bob, first, text="Hello", client_id=str(uuid4()))
    assert titles(bob) == ["First", "Second"]
    assert titles(alice) == ["First", "Without bob", "Second"]
    assert titles(charlie) == []
    assert second


def test_every_participant_gets_a_row_of_their_own(alice: Guarded, bob: Guarded, homer: Guarded) -> None:
    id = clinic.start(alice, "Practitioner/bob", text="Hello Homer")
    (mine,), (theirs,) = threads.page(alice, ListFilter()).rows, threads.page(homer, ListFilter()).rows
    assert (mine.author, mine.preview, mine.unread) == ("You", "Hello Homer", False)
    assert (theirs.author, theirs.preview, theirs.unread) == ("Dr. Smith", "Hello Homer", True)
    messages.send(bob, id, text="Among us", client_id=str(uuid4()), internal=True)
    (mine,), (theirs,) = threads.page(alice, ListFilter()).rows, threads.page(homer, ListFilter()).rows
    assert (mine.preview, mine.unread) == ("Among us", True)
    assert theirs.preview == "Hello Homer"


def test_the_supervisor_sees_all_and_owes_nothing(alice: Guarded, sam: Guarded) -> None:
    clinic.start(alice, topic="Labs")
    (row,) = threads.page(sam, ListFilter()).rows
    assert (row.title, row.unread) == ("Labs", False)
    assert threads.unread_count(sam) == 0


def test_filters_combine(alice: Guarded, bob: Guarded) -> None:
    begin(alice, str(uuid4()), topic="Tagged", tags=["heart"])
    closed = begin(alice, str(uuid4()), topic="Closed", tags=["heart"])
    begin(alice, str(uuid4()), topic="About nobody", patient="")
    threads.close(alice, closed)
    assert titles(bob, tag="heart") == ["Tagged"]
    assert titles(bob, tag="heart", status="closed") == ["Closed"]
    assert titles(bob, patient="Patient/homer") == ["Tagged"]
    assert titles(bob, unread=True) == ["About nobody", "Tagged"]
    assert titles(alice, unread=True) == []
    assert titles(bob, tag="heart", unread=True, patient="Patient/homer", status="closed") == ["Closed"]


def test_pages_of_the_list_join_without_gap_or_repetition(alice: Guarded) -> None:
    wanted = [clinic.start(alice, topic=f"Thread {number}") for number in range(60)][::-1]
    found, cursor = [], ""
    while True:
        page = threads.page(alice, ListFilter(cursor=cursor))
        found += [row.id for row in page.rows]
        cursor = page.next
        if not cursor:
            break
        clinic.start(alice, topic="In between")
    assert found == wanted


# Closing and reopening


def test_closing_moves_a_thread_and_changes_no_message(alice: Guarded, homer: Guarded, system: Store) -> None:
    id = clinic.start(alice)
    messages_before = system.search("Communication", [("part-of", f"Communication/{id}"), ("category:not", "event")])
    assert threads.close(alice, id).closed
    assert (titles(alice), titles(alice, status="closed")) == ([], ["Lab results"])
    assert not threads.get(homer, id).may_reply
    now = system.search("Communication", [("part-of", f"Communication/{id}"), ("category:not", "event")])
    assert now.resources == messages_before.resources
    assert not threads.reopen(alice, id).closed
    assert titles(alice) == ["Lab results"]


def test_closing_what_is_closed_is_no_version(alice: Guarded, system: Store) -> None:
    id = clinic.start(alice)
    threads.close(alice, id)
    version = system.read("Communication", id)["meta"]["versionId"]
    assert threads.close(alice, id).closed
    assert system.read("Communication", id)["meta"]["versionId"] == version


def test_unread_in_a_closed_thread_still_counts(alice: Guarded, bob: Guarded) -> None:
    id = clinic.start(alice, "Practitioner/bob")
    threads.close(alice, id)
    assert threads.unread_count(bob) == 1
    assert titles(bob, status="closed", unread=True) == ["Lab results"]


def test_a_stranger_finds_nothing_and_changes_nothing(alice: Guarded, charlie: Guarded) -> None:
    id = clinic.start(alice)
    for act in (threads.get, threads.close, threads.reopen):
        with pytest.raises(outcome.NotFound):
            act(charlie, id)
    assert receipts.unread_count(charlie) == 0


def test_a_patient_does_not_close(homer: Guarded, alice: Guarded) -> None:
    id = clinic.start(alice)
    with pytest.raises(outcome.Forbidden):
        threads.close(homer, id)
    assert not threads.get(alice, id).closed
