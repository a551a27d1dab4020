"""Event lines: who did what to a thread, told to those who may know."""

import pytest

from inbox.fhir import rows
from inbox.fhir.guard import Guarded
from inbox.fhir.store import Store
from inbox.fhir.types import Resource
from inbox.services import messages, participants, receipts, threads
from tests import clinic

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]


@pytest.fixture
def thread(alice: Guarded) -> str:
    """alice, bob and homer."""
    return clinic.start(alice, "Practitioner/bob")


def lines(system: Store, thread: str) -> list[Resource]:
    params = [("part-of", f"Communication/{thread}"), ("category", "event"), ("_sort", "sent")]
    return system.search("Communication", params).resources


def test_every_change_of_a_thread_is_a_line(alice: Guarded, homer: Guarded, system: Store, thread: str) -> None:
    def seen() -> str:
        return threads.get(alice, thread).participants_version

    participants.add(alice, thread, "Practitioner/charlie", seen=seen())
    participants.remove(alice, thread, "Practitioner/charlie", seen=seen())
    threads.close(alice, thread)
    threads.reopen(alice, thread)
    shown = [item.text for item in messages.page(homer, threads.get(homer, thread)).items if item.kind == "event"]
    assert shown == [
        "Dr. Alice Smith added Charlie Stranger",
        "Dr. Alice Smith removed Charlie Stranger",
        "Dr. Alice Smith closed this",
        "Dr. Alice Smith opened this again",
    ]
    recipients = [{one["reference"] for one in line["recipient"]} for line in lines(system, thread)]
    others = {"Patient/homer", "Practitioner/bob"}
    assert recipients == [others | {"Practitioner/charlie"}, others, others, others]


def test_leaving_is_told_to_those_who_stay(bob: Guarded, system: Store, thread: str) -> None:
    participants.leave(bob, thread)
    (line,) = lines(system, thread)
    assert {one["reference"] for one in line["recipient"]} == {"Practitioner/alice", "Patient/homer"}
    assert line["about"][0]["reference"] == "Practitioner/bob"


def test_lines_open_no_marks_and_move_no_activity(alice: Guarded, bob: Guarded, system: Store, thread: str) -> None:
    receipts.mark_read(bob, thread)
    before = rows.header_activity(system.read("Communication", thread))
    threads.close(alice, thread)
    assert threads.unread_count(bob) == 0
    assert rows.header_activity(system.read("Communication", thread)) == before
