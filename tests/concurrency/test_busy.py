"""A store that others hold: it waits, then says that it is busy; what was given up for others is done again."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, connections, transaction

from inbox import fhir
from inbox.fhir import outcome, rows, sql
from inbox.fhir.guard import Guarded
from inbox.models import Practice
from inbox.services import messages, receipts, threads
from tests import clinic, invariants
from tests.concurrency.together import PATIENCE, errors, together

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.postgres]
sqlite_only = pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL locks rows, not the whole file")
postgres_only = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes one after the other")


@pytest.fixture
def thread(alice: Guarded) -> str:
    return clinic.start(alice, "Practitioner/bob")


def send(repo: Guarded, thread: str) -> messages.Item:
    return messages.send(repo, thread, text="Thanks", client_id=str(uuid4()))


@contextmanager
def somebody_writing() -> Iterator[Callable[[], None]]:
    """Another connection holds the write lock until what this gives is called, or the block ends."""
    writing, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                writing.set()
                done.wait(PATIENCE)
        finally:
            connections.close_all()

    other = threading.Thread(target=hold, daemon=True)
    other.start()
    assert writing.wait(PATIENCE)
    try:
        yield done.set
    finally:
        done.set()
        other.join(PATIENCE)


@pytest.fixture
def impatient() -> Iterator[None]:
    """Wait a tenth of a second for a lock, not five."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 100")
    yield
    connection.close()


@sqlite_only
def test_a_send_that_can_not_wait_longer_says_that_the_store_is_busy(
    homer: Guarded, thread: str, impatient: None
) -> None:
    """F11."""
    before = invariants.snapshot()
    with somebody_writing():
        with pytest.raises(outcome.Busy) as error:
            send(homer, thread)
        assert error.value.status == 503
        assert [item.text for item in messages.page(homer, threads.get(homer, thread)).items][-1] == "Hello"
        assert threads.unread_count(homer) == 1
    assert invariants.snapshot() == before
    assert send(homer, thread).text == "Thanks"


@sqlite_only
def test_a_send_waits_for_somebody_who_is_writing(homer: Guarded, thread: str) -> None:
    with somebody_writing() as finish:
        timer = threading.Timer(0.3, finish)
        timer.start()
        assert send(homer, thread).text == "Thanks"
    invariants.check()


@sqlite_only
def test_reading_a_thread_works_while_its_mark_can_not_be_written(homer: Guarded, thread: str, impatient: None) -> None:
    with somebody_writing():
        assert receipts.mark_read(homer, thread)
    assert threads.unread_count(homer) == 1


@sqlite_only
def test_loading_says_that_the_store_is_busy(practice: Practice, impatient: None) -> None:
    with somebody_writing(), pytest.raises(outcome.Busy):
        fhir.bulk_load(practice, [clinic.person("Patient/ned", "Ned")])


# What the database gave up for another transaction


class GivenUp(Exception):
    """As the driver says it."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@contextmanager
def giving_up(monkeypatch: pytest.MonkeyPatch, times: int, sqlstate: str) -> Iterator[list[int]]:
    """The last insert of a transaction fails so many times, when nearly all is done."""
    insert, failed = sql.insert, [0]

    def failing(model: Any, *arguments: Any, **named: Any) -> Any:
        if model.__name__ == "Outbox" and failed[0] < times:
            failed[0] += 1
            raise OperationalError from GivenUp(sqlstate)
        return insert(model, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(sql, "insert", failing)
        yield failed


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
@pytest.mark.parametrize("times", [1, 2])
def test_what_was_given_up_is_done_again_and_once(
    homer: Guarded, thread: str, monkeypatch: pytest.MonkeyPatch, times: int, sqlstate: str
) -> None:
    """F32."""
    before = invariants.sizes()
    with giving_up(monkeypatch, times, sqlstate) as failed:
        assert send(homer, thread).text == "Thanks"
    assert failed == [times]
    assert invariants.sizes()["Version"] - before["Version"] == 3
    invariants.check()


def test_a_whole_start_is_done_again(alice: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    with giving_up(monkeypatch, 2, "40001") as failed:
        clinic.start(alice, "Practitioner/bob", topic="Labs")
    assert failed == [2]
    assert [row.title for row in threads.page(alice, threads.ListFilter()).rows] == ["Labs"]
    invariants.check()


@pytest.mark.parametrize(("times", "sqlstate", "tries"), [(3, "40001", 3), (1, "57P01", 1)])
def test_after_three_tries_or_another_reason_the_store_is_busy(
    homer: Guarded, thread: str, monkeypatch: pytest.MonkeyPatch, times: int, sqlstate: str, tries: int
) -> None:
    before = invariants.snapshot()
    with giving_up(monkeypatch, times, sqlstate) as failed, pytest.raises(outcome.Busy):
        send(homer, thread)
    assert failed == [tries]
    assert invariants.snapshot() == before


@postgres_only
def test_of_two_that_wait_for_each_other_both_get_through(practice: Practice) -> None:
    """A real deadlock: PostgreSQL ends one of the two transactions, which is done again."""
    barrier, tries = threading.Barrier(2, timeout=PATIENCE), []

    def crossing(first: str, second: str) -> Callable[[], Any]:
        store = fhir.system(practice.pk)

        def work() -> bool:
            tries.append(first)
            rows.lock(practice.pk, [("Patient" if first == "homer" else "Practitioner", first)])
            if len(tries) <= 2:
                barrier.wait()
            rows.lock(practice.pk, [("Patient" if second == "homer" else "Practitioner", second)])
            return True

        return lambda: store.atomically(work)

    answers = together([crossing("homer", "alice"), crossing("alice", "homer")])
    assert errors(answers) == []
    assert answers == [True, True]
    assert len(tries) == 3
