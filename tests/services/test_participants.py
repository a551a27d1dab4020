"""Who takes part: adding, removing, leaving, and two people who edit at once."""

import pytest

from inbox.fhir import outcome
from inbox.fhir.guard import Guarded
from inbox.services import messages, participants, receipts, threads
from tests import clinic, invariants

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]


@pytest.fixture
def thread(alice: Guarded) -> str:
    """alice, bob and homer."""
    return clinic.start(alice, "Practitioner/bob", text="Before")


def seen(repo: Guarded, thread: str) -> str:
    return threads.get(repo, thread).participants_version


def members(repo: Guarded, thread: str) -> list[str]:
    return [one.reference for one in threads.get(repo, thread).people]


def test_whoever_is_added_reads_from_now_on(alice: Guarded, charlie: Guarded, thread: str) -> None:
    added = participants.add(alice, thread, "Practitioner/charlie", seen=seen(alice, thread))
    assert added.person.name == "Charlie Stranger"
    messages.send(alice, thread, text="After", client_id="6f9619ff-8b86-4011-b42d-00c04fc964ff")
    said = [item.text for item in messages.page(charlie, threads.get(charlie, thread)).items if item.kind == "message"]
    assert said == ["After"]


def test_whoever_is_removed_loses_the_thread(alice: Guarded, bob: Guarded, thread: str) -> None:
    participants.remove(alice, thread, "Practitioner/bob", seen=seen(alice, thread))
    assert members(alice, thread) == ["Practitioner/alice", "Patient/homer"]
    with pytest.raises(outcome.NotFound):
        threads.get(bob, thread)


def test_the_slower_of_two_edits_is_told_and_overwrites_nothing(alice: Guarded, bob: Guarded, thread: str) -> None:
    """F14."""
    form = seen(alice, thread)
    participants.add(bob, thread, "Practitioner/charlie", seen=form)
    with pytest.raises(participants.Changed) as error:
        participants.remove(alice, thread, "Patient/homer", seen=form)
    assert [one.name for one in error.value.people][-1] == "Charlie Stranger"
    assert error.value.status == 412
    assert members(alice, thread)[-1] == "Practitioner/charlie"


def test_what_else_moved_meanwhile_is_no_reason_to_ask(alice: Guarded, bob: Guarded, thread: str) -> None:
    form = seen(alice, thread)
    messages.send(bob, thread, text="Hello", client_id="6f9619ff-8b86-4011-b42d-00c04fc964ff")
    threads.close(bob, thread)
    participants.add(alice, thread, "Practitioner/charlie", seen=form)
    assert threads.get(alice, thread).closed
    assert "Practitioner/charlie" in members(alice, thread)


def test_adding_who_is_there_changes_nothing(alice: Guarded, thread: str) -> None:
    before = invariants.sizes()
    participants.add(alice, thread, "Practitioner/bob", seen=seen(alice, thread))
    participants.remove(alice, thread, "Practitioner/sam", seen=seen(alice, thread))
    assert invariants.sizes() == before


@pytest.mark.parametrize("person", ["", "Practitioner/nobody"])
def test_nobody_can_not_be_added(alice: Guarded, thread: str, person: str) -> None:
    with pytest.raises(outcome.Unprocessable) as error:
        participants.add(alice, thread, person, seen=seen(alice, thread))
    assert error.value.expression == ["person"]


@pytest.mark.parametrize("name", ["homer", "sam", "charlie"])
def test_others_edit_nothing(request: pytest.FixtureRequest, alice: Guarded, thread: str, name: str) -> None:
    repo: Guarded = request.getfixturevalue(name)
    before = members(alice, thread)
    with pytest.raises((outcome.Forbidden, outcome.NotFound)):
        participants.add(repo, thread, "Practitioner/charlie", seen=seen(alice, thread))
    with pytest.raises((outcome.Forbidden, outcome.NotFound)):
        participants.remove(repo, thread, "Practitioner/bob", seen=seen(alice, thread))
    assert members(alice, thread) == before


def test_leaving_twice_finds_nothing_the_second_time(bob: Guarded, thread: str) -> None:
    participants.leave(bob, thread)
    with pytest.raises(outcome.NotFound):
        participants.leave(bob, thread)


def test_a_new_participant_owes_no_reading_of_what_came_before(alice: Guarded, charlie: Guarded, thread: str) -> None:
    participants.add(alice, thread, "Practitioner/charlie", seen=seen(alice, thread))
    assert receipts.unread_count(charlie) == 0
