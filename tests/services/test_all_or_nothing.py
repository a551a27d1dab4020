"""F08: whatever breaks inside what somebody does, nothing of it is left."""

from typing import Any
from uuid import uuid4

import pytest

from inbox.fhir import sql
from inbox.fhir.guard import Guarded
from inbox.services import messages, participants, receipts, threads
from tests import clinic, invariants

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]


@pytest.fixture
def thread(alice: Guarded) -> str:
    """alice, bob and homer."""
    return clinic.start(alice, "Practitioner/bob")


def send(repo: Guarded, thread: str, **options: Any) -> messages.Item:
    return messages.send(repo, thread, text="Hello", client_id=str(uuid4()), **options)


class Broken(Exception):
    """What this test throws."""


@pytest.mark.parametrize("action", ["start", "send", "note", "read", "close", "add"])
def test_whatever_breaks_leaves_nothing_half_done(
    alice: Guarded, bob: Guarded, thread: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each insert fails in turn, until what somebody does gets through."""
    receipts.mark_read(bob, thread)
    send(alice, thread)
    seen = threads.get(alice, thread).participants_version
    act = {
        "start": lambda: clinic.start(alice, "Practitioner/bob"),
        "send": lambda: send(bob, thread),
        "note": lambda: send(bob, thread, internal=True),
        "read": lambda: receipts.mark_read(bob, thread),
        "close": lambda: threads.close(alice, thread),
        "add": lambda: participants.add(alice, thread, "Practitioner/charlie", seen=seen),
    }[action]
    before, insert, failures = invariants.snapshot(), sql.insert, 0
    while failures < 100:
        calls = 0

        def failing(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += bool(arguments[2])
            if calls > failures:  # noqa: B023
                raise Broken
            return insert(*arguments, **named)

        monkeypatch.setattr(sql, "insert", failing)
        try:
            act()
            break
        except Broken:
            assert invariants.snapshot() == before
            failures += 1
    monkeypatch.undo()
    assert 2 < failures < 100
    invariants.check()
