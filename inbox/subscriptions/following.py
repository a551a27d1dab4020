"""Who follows what: a row for each Subscription, kept in the transaction that writes it, and what turns one off."""

import logging
import secrets
from typing import Any

from inbox import fhir
from inbox.fhir import events, outcome, rows
from inbox.fhir.events import Change
from inbox.fhir.repository import Write
from inbox.fhir.types import Resource
from inbox.fhir.writes import SYSTEM
from inbox.models import Delivery, Subscription

from . import rules

log = logging.getLogger(__name__)

RUNNING = ("active", "error")
"""`error` says that something could not be delivered; the next change is tried all the same."""
OFF = "The subscription was turned off."
UNHEARD = 3600 * 1_000_000
"""A WebSocket Subscription that no socket was bound to for so long is turned off."""


def listen() -> None:
    """Follow every change of the store. Raises ValueError when SUBSCRIPTION_HOSTS can not be read."""
    rules.hosts()
    events.resource_changing.connect(follow, dispatch_uid="inbox.subscriptions")


def follow(sender: object, changes: list[Change], **_: Any) -> list[Write]:
    """Keep our rows like the Subscriptions; those that people write are judged, and turned on by the server.

    Raises Invalid or Unprocessable for one that can not be had, so that nothing is stored.
    """
    found: list[Write] = []
    for change in changes:
        if change.resource["resourceType"] != "Subscription":
            continue
        if change.after is None:
            Subscription.objects.filter(practice=change.actor.practice, fhir_id=change.resource["id"]).delete()
        elif change.actor.profile == SYSTEM:
            _switch(change.actor.practice, change.after)
        else:
            found += _written(change, change.after)
    return found


def turn(practice: int, id: str, status: str, error: str) -> None:
    """Set the status of a Subscription and what is wrong with it, as the server; nothing where it is gone."""
    system = fhir.system(practice)
    current = system.raw("Subscription", id)
    if current is None or (current["status"] == "off" and status != "off"):
        return
    rest = {name: value for name, value in current.items() if name != "error"}
    after = {**rest, "status": status, **({"error": error} if error else {})}
    if rows.unstamped(after) != rows.unstamped(current):
        system.update(after)


def end(subscription: Subscription, reason: str) -> None:
    """Turn a Subscription off, saying why."""
    turn(subscription.practice_id, subscription.fhir_id, "off", reason)


def tidy() -> None:
    """Turn off what has reached its end, and sockets' Subscriptions that nobody listens to any more."""
    now, running = rows.now(), Subscription.objects.filter(active=True)
    over = [(one, "The subscription has reached its end.") for one in running.filter(ends_at__lte=now)]
    unheard = running.filter(channel=rules.SOCKET, seen_at__lt=now - UNHEARD)
    over += [(one, "Nobody listened for an hour. Set the status to requested to go on.") for one in unheard]
    for one, reason in over:
        try:
            end(one, reason)
        except outcome.Busy:
            log.warning("%s is turned off later: the store is busy", one)


def _written(change: Change, after: Resource) -> list[Write]:
    """Judge what a person has written and keep whose it is now: who changes a Subscription answers for it."""
    running = after["status"] != "off"
    if after["status"] == "error" and (change.before or {}).get("status") != "error":
        raise outcome.Invalid("Only the server sets the status error.", expression="Subscription.status")
    asked = rules.check(after)
    Subscription.objects.update_or_create(
        practice_id=change.actor.practice,
        fhir_id=after["id"],
        defaults={
            "owner": change.actor.membership,
            "channel": asked.channel,
            "type": asked.type,
            "criteria": after["criteria"],
            "interactions": ",".join(asked.interactions),
            "active": running,
            "failures": 0,
            "since": rows.now(),
            "seen_at": rows.now(),
            "ends_at": asked.ends_at,
        },
    )
    if not running:
        _drop(change.actor.practice, after["id"])
    turned = _turned_on(after, rules.secret(change.before or {})) if running else after
    return [Write("PUT", "Subscription", after["id"], turned)] if turned != after else []


def _turned_on(subscription: Resource, secret: str) -> Resource:
    """The Subscription as the server runs it: active, a rest-hook with a secret (that of before, or a new one)."""
    found = {name: value for name, value in subscription.items() if name != "error"}
    if subscription["status"] == "error" and "error" in subscription:
        found["error"] = subscription["error"]
    else:
        found["status"] = "active"
    if subscription["channel"]["type"] == rules.HOOK and not rules.secret(subscription):
        other = [one for one in subscription.get("extension", []) if one.get("url") != rules.SECRET]
        found["extension"] = [*other, {"url": rules.SECRET, "valueString": secret or secrets.token_urlsafe(32)}]
    return found


def _switch(practice: int, subscription: Resource) -> None:
    """The server's own change: whose it is and what it follows stay."""
    running = subscription["status"] in RUNNING
    mine = Subscription.objects.filter(practice=practice, fhir_id=subscription["id"])
    mine.update(active=running)
    if not running:
        _drop(practice, subscription["id"])


def _drop(practice: int, id: str) -> None:
    """What still waits for a Subscription that is off is not sent later, when nobody expects it."""
    waiting = Delivery.objects.filter(subscription__practice=practice, subscription__fhir_id=id, state="waiting")
    waiting.update(state="dead", error=OFF)
