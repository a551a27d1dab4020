"""The outbox: every change reaches every handler, in order, also when one fails."""

from collections.abc import Iterator

import pytest

from inbox import fhir
from inbox.fhir import outbox, rows
from inbox.models import Outbox, Practice

pytestmark = pytest.mark.django_db


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


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
    assert outbox.work(outbox.Pauses(), limit=2) == 2
    assert seen == ["a", "b"]
    assert outbox.work(outbox.Pauses()) == 1
    assert outbox.work(outbox.Pauses()) == 0
    assert seen == ["a", "b", "c"]


def test_a_failure_waits_and_is_tried_again_later_and_later(practice: Practice, seen: list[str]) -> None:
    row = change(practice, "bad")
    clock = Clock()
    pauses = outbox.Pauses(clock)
    waits = []
    for _ in range(12):
        assert outbox.work(pauses) == 0
        until = pauses.failed[row.pk][1]
        waits.append(until - clock.now)
        assert outbox.take(10, without=pauses.waiting()) == []
        clock.now = until
    assert waits[:4] == [2, 4, 8, 16]
    assert waits[-1] == 600
    row.refresh_from_db()
    assert (row.done, row.version) == (False, 1)
    Outbox.objects.filter(pk=row.pk).update(fhir_id="healed")
    assert outbox.work(pauses) == 1
    assert seen == ["healed"]
    assert not pauses.failed


def test_a_failure_holds_back_its_own_thread_and_no_other(practice: Practice, seen: list[str]) -> None:
    change(practice, "bad", thread="t1")
    change(practice, "later", thread="t1")
    change(practice, "other", thread="t2")
    change(practice, "threadless")
    pauses = outbox.Pauses(Clock())
    assert outbox.work(pauses) == 2
    assert outbox.work(pauses) == 0
    assert seen == ["other", "threadless"]


def test_a_write_is_there_for_the_worker_when_it_is_committed(practice: Practice, seen: list[str]) -> None:
    fhir.bulk_load(practice, [{"resourceType": "Patient", "id": "homer"}])
    assert outbox.waiting()
    outbox.work(outbox.Pauses())
    assert seen == ["homer"]
    assert not outbox.waiting()


def test_what_was_done_a_week_ago_is_deleted_and_what_waits_is_kept(practice: Practice) -> None:
    old = rows.now() - outbox.KEPT - 1
    change(practice, "old and waiting", at=old)
    change(practice, "old and done", at=old, done=True)
    change(practice, "done today", done=True)
    assert outbox.purge() == 1
    assert set(Outbox.objects.values_list("fhir_id", flat=True)) == {"old and waiting", "done today"}
