"""`manage.py worker`: the background process. It delivers the outbox and tidies up until it is told to stop."""

import logging
import signal
import threading
import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections

from inbox.fhir import outbox

log = logging.getLogger(__name__)

IDLE = 0.5
BROKEN = 5.0
HOUR = 3600.0


class Command(BaseCommand):
    help = "Runs the background work (outbox, housekeeping) until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="work until nothing waits, tidy up, and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            pauses = outbox.Pauses()
            while outbox.work(pauses):
                pass
            tidy()
            return
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        log.info("worker started")
        run(stop)
        log.info("worker stopped")


def run(stop: threading.Event) -> None:
    """Deliver rows as they come and tidy up every hour; a database that is away is waited for."""
    pauses, tidied = outbox.Pauses(), 0.0
    while not stop.is_set():
        try:
            close_old_connections()
            if not tidied or time.monotonic() - tidied > HOUR:
                tidy()
                tidied = time.monotonic()
            pause = 0.0 if outbox.work(pauses) else IDLE
        except (OperationalError, InterfaceError):
            log.exception("the database can not be reached; again in %.0f s", BROKEN)
            pause = BROKEN
        stop.wait(pause)


def tidy() -> None:
    """Delete delivered outbox rows of last week and sessions that are over."""
    gone = outbox.purge()
    call_command("clearsessions", verbosity=0)
    log.info("tidied up: %s outbox rows deleted", gone)
