"""`manage.py worker`: it works, tidies up, survives a database that is away, and stops when told to."""

import signal
import threading
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from inbox import fhir
from inbox.fhir import outbox
from inbox.management.commands import worker
from inbox.models import Outbox

pytestmark = pytest.mark.django_db


def test_it_delivers_what_waits_and_deletes_sessions_that_are_over() -> None:
    fhir.bulk_load(
        fhir.create_practice("springfield", "Springfield Clinic"), [{"resourceType": "Patient", "id": "homer"}]
    )
    for key, days in (("over", -1), ("valid", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=timezone.now() + timedelta(days=days))
    call_command("worker", once=True)
    assert Outbox.objects.exists()
    assert not Outbox.objects.filter(done=False).exists()
    assert [one.session_key for one in Session.objects.all()] == ["valid"]


def test_it_goes_on_when_the_database_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    calls: list[str] = []

    def work() -> int:
        calls.append("work")
        if len(calls) == 1:
            raise OperationalError("away")
        stop.set()
        return 0

    monkeypatch.setattr(worker, "close_old_connections", lambda: None)
    monkeypatch.setattr(worker, "BROKEN", 0.0)
    monkeypatch.setattr(outbox, "work", work)
    worker.run(stop)
    assert calls == ["work", "work"]


def test_sigterm_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)
    monkeypatch.setattr(outbox, "work", lambda: signal.raise_signal(signal.SIGTERM) or 0)
    try:
        call_command("worker")
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
