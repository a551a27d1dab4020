"""`manage.py worker`: the background process. It delivers the outbox, sends, tidies up, until it is told to stop."""

import logging
import signal
import threading
import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections

from inbox.fhir import filing, outbox
from inbox.services.elsewhere import Lookout
from inbox.subscriptions import deliveries, following
from inbox.subscriptions.dispatch import Dispatcher

log = logging.getLogger(__name__)

IDLE = 0.5
BROKEN = 5.0
HOUR = 3600.0
GRACE = 5.0
"""Seconds that requests on their way have to end when the worker is told to stop."""


class Command(BaseCommand):
    help = "Runs the background work (outbox, housekeeping) until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="work until nothing waits, tidy up, and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            Lookout().work(now=True)
            while outbox.work():
                pass
            Dispatcher().drain()
            tidy()
            return
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        log.info("worker started")
        run(stop)
        log.info("worker stopped")


def run(stop: threading.Event) -> None:
    """Deliver rows as they come, look at a remote server, tidy up every hour; a database that is away is waited for."""
    tidied, dispatcher, lookout = 0.0, Dispatcher(), Lookout()
    while not stop.is_set():
        try:
            close_old_connections()
            if not tidied or time.monotonic() - tidied > HOUR:
                tidy()
                tidied = time.monotonic()
            pause = 0.0 if lookout.work() + outbox.work() else IDLE
            dispatcher.start()
        except (OperationalError, InterfaceError):
            log.exception("the database can not be reached; again in %.0f s", BROKEN)
            pause = BROKEN
        stop.wait(pause)
    dispatcher.stop(GRACE)


def tidy() -> None:
    """Delete what was delivered last week, sessions that are over, and files that nothing carries.

    Subscriptions whose time has come are turned off.
    """
    gone = outbox.purge()
    deliveries.tidy()
    following.tidy()
    filing.tidy()
    call_command("clearsessions", verbosity=0)
    log.info("tidied up: %s outbox rows deleted", gone)
