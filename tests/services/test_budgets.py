"""How many statements the services make: few, and as many for 300 rows as for 3, for 500 people as for 2."""

from collections.abc import Callable, Sequence
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inbox.fhir.guard import Guarded
from inbox.fhir.repository import Write
from inbox.fhir.store import Store
from inbox.models import Practice
from inbox.services import messages, receipts, threads
from inbox.services.threads import ListFilter
from tests import clinic, volume

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

NOT_COUNTED = ("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT", "ROLLBACK", "INSERT INTO inbox_auditevent")


def statements(call: Callable[[], object]) -> list[str]:
    """What a call asks of the database, without transactions and audit."""
    with CaptureQueriesContext(connection) as captured:
        call()
    return [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(NOT_COUNTED)]


def assert_within(budget: int, calls: Sequence[Callable[[], object]]) -> None:
    """Each call keeps the budget, and all make the same number of statements."""
    counts = [len(statements(call)) for call in calls]
    assert max(counts) <= budget, counts
    assert len(set(counts)) == 1, counts
    assert counts[0] > 0


@pytest.fixture(params=[3, 300])
def many(request: pytest.FixtureRequest, practice: Practice) -> int:
    """So many threads of alice, bob and homer, a third of them unread by bob and homer."""
    volume.threads(practice, "t", ["Practitioner/alice", "Practitioner/bob", "Patient/homer"], count=request.param)
    volume.threads(practice, "closed", ["Practitioner/alice", "Practitioner/bob"], count=request.param, closed_every=1)
    return int(request.param)


def test_the_list_takes_three_statements_and_the_badge_one(
    bob: Guarded, homer: Guarded, sam: Guarded, many: int
) -> None:
    for repo in (bob, homer):
        assert len(statements(lambda: threads.page(repo, ListFilter()))) == 3  # noqa: B023
        assert len(statements(lambda: threads.unread_count(repo))) == 1  # noqa: B023
    for filter in (ListFilter(status="closed"), ListFilter(tag="lab-results"), ListFilter(patient="Patient/homer")):
        assert len(statements(lambda: threads.page(bob, filter))) == 3  # noqa: B023
    assert len(statements(lambda: threads.page(bob, ListFilter(unread=True)))) <= 4
    assert len(statements(lambda: threads.page(sam, ListFilter()))) <= 3


def test_the_second_page_costs_what_the_first_does(alice: Guarded, practice: Practice) -> None:
    volume.threads(practice, "t", ["Practitioner/alice", "Practitioner/bob"], count=60)
    cursor = threads.page(alice, ListFilter()).next
    assert_within(
        3, [lambda: threads.page(alice, ListFilter()), lambda: threads.page(alice, ListFilter(cursor=cursor))]
    )


@pytest.mark.parametrize("size", [3, 300])
def test_a_thread_opens_with_two_statements_however_long_it_is(bob: Guarded, practice: Practice, size: int) -> None:
    """F26."""
    volume.threads(practice, "t", ["Practitioner/alice", "Practitioner/bob"], count=1, messages=size)
    thread = threads.get(bob, "t-00000")
    assert len(statements(lambda: threads.get(bob, "t-00000"))) == 1
    page = messages.page(bob, thread)
    assert len(statements(lambda: messages.page(bob, thread))) == 1
    if page.older:
        assert len(statements(lambda: messages.page(bob, thread, before=page.older))) == 1


def test_quotes_cost_one_statement_for_a_whole_page(bob: Guarded, alice: Guarded) -> None:
    thread = clinic.start(alice, "Practitioner/bob")
    first = messages.page(bob, threads.get(bob, thread)).newest_id
    for _ in range(60):
        messages.send(bob, thread, text="x", client_id=str(uuid4()), in_response_to=first)
    assert len(statements(lambda: messages.page(bob, threads.get(bob, thread)))) == 3


def test_sending_keeps_its_budget_in_a_long_thread(alice: Guarded, practice: Practice) -> None:
    volume.threads(practice, "short", ["Practitioner/alice", "Practitioner/bob"], count=1, messages=3)
    volume.threads(practice, "long", ["Practitioner/alice", "Practitioner/bob"], count=1, messages=600)
    seen = {thread: _newest(alice, thread) for thread in ("short-00000", "long-00000")}
    for thread, newest in seen.items():
        _send(alice, thread, newest)
    assert_within(20, [lambda t=thread, n=newest: _send(alice, t, n) for thread, newest in seen.items()])


def _send(repo: Guarded, thread: str, seen: str) -> None:
    """With the question whether something came meanwhile, as the page sends."""
    messages.send(repo, thread, text="x", client_id=str(uuid4()), seen=seen)


def _newest(repo: Guarded, thread: str) -> str:
    return messages.page(repo, threads.get(repo, thread)).newest_id


def test_sending_to_five_hundred_takes_as_many_statements_as_to_two(alice: Guarded, practice: Practice) -> None:
    """F27: with marks that are open, and with marks that all have to be opened."""
    people = clinic.crowd(practice, 500)
    open_marks, closed_marks = [], []
    for size in (2, 500):
        (thread,) = volume.threads(practice, f"to{size}", ["Practitioner/alice", *people[:size]], count=1)
        seen = _newest(alice, thread)
        _send(alice, thread, seen)
        open_marks.append(len(statements(lambda: _send(alice, thread, seen))))  # noqa: B023
        _read_by_all(alice, thread, size)
        closed_marks.append(len(statements(lambda: _send(alice, thread, seen))))  # noqa: B023
    assert open_marks[0] == open_marks[1] <= 20
    assert closed_marks[0] == closed_marks[1] <= 22


def _read_by_all(repo: Guarded, thread: str, size: int) -> None:
    system = Store(repo.actor, trusted=True)
    tasks = system.search("Task", [("focus", f"Communication/{thread}"), ("_count", "1000")]).resources
    assert len(tasks) == size
    system.apply([Write("PUT", "Task", one["id"], {**one, "status": "completed"}) for one in tasks])


def test_reading_marks_with_few_statements(bob: Guarded, many: int) -> None:
    assert len(statements(lambda: receipts.mark_read(bob, "t-00000"))) <= 8
    assert len(statements(lambda: receipts.mark_read(bob, "t-00000"))) == 1


def test_starting_closing_and_changing_participants_are_bounded(alice: Guarded) -> None:
    assert len(statements(lambda: clinic.start(alice, "Practitioner/bob"))) <= 30
    thread = clinic.start(alice, "Practitioner/bob")
    assert len(statements(lambda: threads.close(alice, thread))) <= 20
