"""The outbox: every change reaches every handler, in order, also when one fails; a tail hears of each once."""

from collections.abc import Callable, Iterator
from threading import Event as Signal
from threading import Thread

import pytest
from django.db import connection, connections, transaction

from inbox import fhir
from inbox.fhir import outbox, rows
from inbox.models import Outbox, Practice
from tests.concurrency.together import PATIENCE

pytestmark = pytest.mark.django_db


@pytest.fixture
def practice() -> Practice:
    found = fhir.create_practice("springfield", "Springfield Clinic")
    Outbox.objects.all().delete()
    return found


@pytest.fixture
def seen() -> Iterator[list[str]]:
    """What a handler was told; one that fails on `bad` until it is healed."""
    found: list[str] = []

    def handler(row: Outbox) -> None:
        if row.fhir_id == "bad":
            Outbox.objects.filter(pk=row.pk).update(version=99)
            raise RuntimeError("no")
        found.append(row.fhir_id)

    outbox.handlers.append(handler)
    yield found
    outbox.handlers.remove(handler)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the time, in microseconds."""

    def set(time: int) -> None:
        monkeypatch.setattr(rows, "now", lambda: time)

    return set


def change(practice: Practice, id: str, thread: str = "", at: int = 0, done: bool = False) -> Outbox:
    return Outbox.objects.create(
        practice=practice,
        at=at or rows.now(),
        interaction="create",
        type="Communication",
        fhir_id=id,
        version=1,
        thread=thread,
        done=done,
    )


def test_rows_are_delivered_in_order_and_once(practice: Practice, seen: list[str]) -> None:
    for id in "abc":
        change(practice, id)
    assert outbox.work(limit=2) == 2
    assert seen == ["a", "b"]
    assert outbox.work() == 1
    assert outbox.work() == 0
    assert seen == ["a", "b", "c"]


def test_a_failure_waits_and_is_tried_again_later_and_later(
    practice: Practice, seen: list[str], clock: Callable[[int], None]
) -> None:
    row = change(practice, "bad")
    waits = []
    for tries in range(1, 13):
        now = row.next_at
        clock(now)
        assert outbox.work() == 0
        row.refresh_from_db()
        assert (row.tries, row.error, row.done, row.version) == (tries, "RuntimeError", False, 1)
        waits.append((row.next_at - now) / 1_000_000)
        assert outbox.take(10) == []
    assert all(0.75 * wait <= got <= wait for got, wait in zip(waits[:4], (2, 4, 8, 16), strict=True))
    assert 450 <= waits[-1] <= 600
    Outbox.objects.filter(pk=row.pk).update(fhir_id="healed")
    assert not outbox.waiting()
    clock(row.next_at)
    assert outbox.work() == 1
    assert seen == ["healed"]


def test_a_failure_holds_back_its_own_thread_and_no_other(practice: Practice, seen: list[str]) -> None:
    change(practice, "bad", thread="t1")
    change(practice, "later", thread="t1")
    change(practice, "other", thread="t2")
    change(practice, "threadless")
    assert outbox.work() == 2
    assert outbox.work() == 0
    assert seen == ["other", "threadless"]


def test_a_long_thread_behind_a_failure_does_not_fill_every_batch(practice: Practice, seen: list[str]) -> None:
    change(practice, "bad", thread="t1")
    for number in range(5):
        change(practice, f"later {number}", thread="t1")
    change(practice, "other", thread="t2")
    assert [outbox.work(limit=2), outbox.work(limit=2), outbox.work(limit=2)] == [0, 1, 0]
    assert seen == ["other"]


def test_a_write_is_there_for_the_worker_when_it_is_committed(practice: Practice, seen: list[str]) -> None:
    fhir.bulk_load(practice, [{"resourceType": "Patient", "id": "homer"}])
    assert outbox.waiting()
    outbox.work()
    assert seen == ["homer"]
    assert not outbox.waiting()


def test_what_was_done_a_week_ago_is_deleted_and_what_waits_is_kept(practice: Practice) -> None:
    old = rows.now() - outbox.KEPT - 1
    change(practice, "old and waiting", at=old)
    change(practice, "old and done", at=old, done=True)
    change(practice, "done today", done=True)
    assert outbox.purge() == 1
    assert set(Outbox.objects.values_list("fhir_id", flat=True)) == {"old and waiting", "done today"}


class TestTail:
    """On both databases, each change committed by itself."""

    pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

    def test_it_tells_of_each_change_once_and_of_none_before(self, practice: Practice) -> None:
        change(practice, "before")
        tail = outbox.Tail(limit=2)
        assert tail.read() == []
        for id in "abc":
            change(practice, id)
        assert [one.id for one in tail.read()] == ["a", "b"]
        change(practice, "d")
        told = [one.id for _ in range(3) for one in tail.read()]
        assert told == ["c", "d"]
        assert tail.read() == []

    def test_what_is_done_in_the_meantime_is_not_told_again(self, practice: Practice) -> None:
        tail = outbox.Tail()
        change(practice, "a")
        assert [one.id for one in tail.read()] == ["a"]
        outbox.work()
        assert tail.read() == []

    def test_a_transaction_that_commits_late_is_not_lost(self, practice: Practice) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("SQLite has one writer at a time: no transaction commits after a later one")
        tail = outbox.Tail()
        written, go_on = Signal(), Signal()

        def slow() -> None:
            with transaction.atomic():
                change(practice, "late")
                written.set()
                assert go_on.wait(PATIENCE)
            connections.close_all()

        thread = Thread(target=slow)
        thread.start()
        assert written.wait(PATIENCE)
        change(practice, "quick")
        assert [one.id for one in tail.read()] == ["quick"]
        assert tail.read() == []
        go_on.set()
        thread.join(PATIENCE)
        assert [one.id for one in tail.read()] == ["late"]
        assert tail.read() == []
