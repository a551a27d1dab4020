"""Sending what waits for endpoints: a thread for each Subscription, outside of any transaction.

An endpoint that is slow holds up nobody but itself, as long as fewer than `THREADS` are slow at the same time.
"""

import logging
import threading
import time

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections

from inbox.channels import resthook
from inbox.channels.resthook import Answer
from inbox.fhir import outcome, rows
from inbox.fhir.guard import Guarded
from inbox.fhir.types import Resource
from inbox.models import Delivery

from . import deliveries, following, news, rules

log = logging.getLogger(__name__)

THREADS = 8
ROUND = 20
"""Deliveries of one Subscription before others have a turn."""


class Dispatcher:
    """The threads that send; one process may have one of these, several processes share the work."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = threads
        self._busy: dict[int, threading.Thread] = {}
        self._stopping = threading.Event()

    def start(self) -> int:
        """Begin with Subscriptions that have something to send; returns how many are being worked on."""
        self._busy = {pk: thread for pk, thread in self._busy.items() if thread.is_alive()}
        free = self._threads - len(self._busy)
        if free > 0 and not self._stopping.is_set():
            for pk in deliveries.subscriptions_ready(without=self._busy, limit=free):
                # Nobody waits for a daemon at exit: what it was sending is sent again, by who finds the claim run out.
                self._busy[pk] = threading.Thread(target=self._run, args=(pk,), daemon=True, name=f"rest-hook {pk}")
                self._busy[pk].start()
        return len(self._busy)

    def drain(self) -> None:
        """Send all that is due, and return when nothing is left."""
        while self.start():
            for thread in list(self._busy.values()):
                thread.join()

    def stop(self, patience: float) -> None:
        """Begin nothing more, and give what is being sent so many seconds to end."""
        self._stopping.set()
        end = time.monotonic() + patience
        for thread in self._busy.values():
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self, subscription: int) -> None:
        try:
            close_old_connections()
            for _ in range(ROUND):
                if self._stopping.is_set():
                    return
                delivery = deliveries.claim(subscription)
                if delivery is None:
                    return
                self._deliver(delivery)
        except (DatabaseError, outcome.FHIRError):
            log.exception("the deliveries of Subscription %s wait for the database", subscription)
        finally:
            connections.close_all()

    def _deliver(self, delivery: Delivery) -> None:
        try:
            deliver(delivery)
        except DatabaseError:
            raise
        except Exception as error:
            log.exception("%s could not be sent", delivery.subscription)
            deliveries.settle(delivery, Answer(0, f"It could not be sent ({type(error).__name__})."))


def deliver(delivery: Delivery) -> None:
    """Send one claimed delivery, if its owner may still hear of it, and note what came of it."""
    subscription = delivery.subscription
    owned = news.owner(subscription)
    if owned is None:
        following.end(subscription, news.GONE)
        return
    guard, body = owned
    seen = _heard(guard, delivery)
    if seen is None:
        deliveries.withheld(delivery)
        return
    answer = _post(body, delivery, seen)
    if answer.text:
        log.warning("Subscription/%s: %s", subscription.fhir_id, answer.text)
    deliveries.settle(delivery, answer)


def _heard(guard: Guarded, delivery: Delivery) -> Resource | None:
    """The resource as the owner may see it at this moment, noted in the trail as read by them before it leaves."""
    subscription = delivery.subscription
    row = news.state(subscription.practice_id, delivery.type, delivery.fhir_id, delivery.interaction)
    if row is None:
        return None
    seen = news.heard(guard, rules.criteria(subscription.criteria), row.resource)
    if seen is not None:
        guard.trail.read("read", delivery.type, delivery.fhir_id, query=str(subscription))
        guard.trail.write()
    return seen


def _post(subscription: Resource, delivery: Delivery, seen: Resource) -> Answer:
    channel = subscription["channel"]
    headers = resthook.headers(channel.get("header", []))
    headers |= {"X-Subscription-Id": subscription["id"], "Idempotency-Key": str(delivery.key)}
    body = b""
    if "payload" in channel and delivery.interaction == "delete":
        headers["X-Deleted-Resource"] = f"{delivery.type}/{delivery.fhir_id}"
    elif "payload" in channel:
        headers["Content-Type"] = channel["payload"]
        body = rows.dumps(seen).encode()
    return resthook.post(
        rules.hosts(),
        channel["endpoint"],
        headers,
        body,
        secret=rules.secret(subscription),
        timeout=settings.SUBSCRIPTION_TIMEOUT,
    )
