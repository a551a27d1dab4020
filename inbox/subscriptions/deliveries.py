"""What waits to be told to endpoints: a row for each change and rest-hook, in order, until told or given up."""

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, QuerySet

from inbox.channels.resthook import Answer
from inbox.fhir import outbox, outcome, rows
from inbox.models import Delivery, Outbox, Subscription

from . import following, news, rules

WAITING, DONE, DEAD = "waiting", "done", "dead"
GONE = 410
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
FAILURES = 20
"""Deliveries in a row that were given up before the Subscription is turned off."""
KEPT = {DONE: 7 * 24 * 3600 * 1_000_000, DEAD: 90 * 24 * 3600 * 1_000_000}


def listen() -> None:
    """Hear of every change in the outbox."""
    if enqueue not in outbox.handlers:
        outbox.handlers.append(enqueue)


def enqueue(change: Outbox) -> None:
    """Note a change for every rest-hook whose owner may hear of it; in the transaction that marks the change done."""
    following_it = Subscription.objects.filter(
        practice=change.practice_id, type=change.type, channel=rules.HOOK, active=True, since__lte=change.at
    )
    followers = [one for one in following_it if change.interaction in one.interactions.split(",")]
    row = news.state(change.practice_id, change.type, change.fhir_id, change.interaction) if followers else None
    if row is None:
        return
    lane = change.thread or f"{change.type}/{change.fhir_id}"
    waiting = [
        Delivery(
            subscription=one,
            at=rows.now(),
            interaction=change.interaction,
            type=change.type,
            fhir_id=change.fhir_id,
            version=change.version,
            lane=lane,
        )
        for one in followers
        if _concerns(one, row)
    ]
    Delivery.objects.bulk_create(waiting)


def _concerns(subscription: Subscription, row: rows.Row) -> bool:
    """Whether a Subscription's owner may hear of a resource; one that can not be served any more is turned off."""
    try:
        request = rules.criteria(subscription.criteria)
        if not news.possible(request, row.resource):
            return False
        guard = news.reader(subscription.practice_id, subscription.owner)
        if guard is not None:
            return news.heard(guard, request, row.resource) is not None
        following.end(subscription, news.GONE)
    except outcome.FHIRError as error:
        following.end(subscription, error.text)
    return False


def ready() -> QuerySet[Delivery]:
    """What may be sent now: due, of a Subscription that runs, and with nothing waiting before it in its lane."""
    waiting = Delivery.objects.filter(state=WAITING)
    earlier = waiting.filter(subscription=OuterRef("subscription"), lane=OuterRef("lane"), pk__lt=OuterRef("pk"))
    return waiting.filter(next_at__lte=rows.now(), subscription__active=True).exclude(Exists(earlier))


def subscriptions_ready(*, without: Iterable[int], limit: int) -> list[int]:
    """The Subscriptions with something to send, the longest waiting first."""
    found = ready().exclude(subscription__in=list(without)).values_list("subscription")
    return [pk for pk, _ in found.annotate(first=Min("pk")).order_by("first")[:limit]]


def claim(subscription: int) -> Delivery | None:
    """The next delivery of a Subscription, taken for the time that sending may need; None when there is none.

    The try counts from here on, so that one which ends its worker does not go on for ever.
    """
    while True:
        one = ready().filter(subscription=subscription).select_related("subscription").order_by("pk").first()
        if one is None:
            return None
        until = rows.now() + lease()
        mine = Delivery.objects.filter(pk=one.pk, state=WAITING, next_at=one.next_at, tries=one.tries)
        if mine.update(next_at=until, tries=F("tries") + 1):
            one.next_at, one.tries = until, one.tries + 1
            return one


def lease() -> int:
    """Microseconds after which a delivery that was begun counts as lost; longer than any exchange takes."""
    return round((30 + 4 * settings.SUBSCRIPTION_TIMEOUT) * 1_000_000)


def settle(delivery: Delivery, answer: Answer) -> None:
    """Note what came of a delivery: done, again later, given up, or the end of its Subscription."""
    with transaction.atomic():
        _settle(delivery, answer)


def _settle(delivery: Delivery, answer: Answer) -> None:
    subscription = delivery.subscription
    if answer.done:
        if _close(delivery, DONE, "") and subscription.failures:
            Subscription.objects.filter(pk=subscription.pk).update(failures=0)
            following.turn(subscription.practice_id, subscription.fhir_id, "active", "")
    elif answer.status == GONE:
        _close(delivery, DEAD, answer.text)
        following.end(subscription, answer.text)
    elif delivery.tries < settings.SUBSCRIPTION_TRIES:
        pause = outbox.pause(delivery.tries, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
        _mine(delivery).update(next_at=rows.now() + round(pause * 1_000_000), error=answer.text)
    elif _close(delivery, DEAD, answer.text):
        _given_up(subscription, answer.text)


def withheld(delivery: Delivery) -> None:
    """There is nothing that the owner may hear any more: it is done without a word to anybody."""
    _close(delivery, DONE, "")


def again(found: QuerySet[Delivery]) -> int:
    """Let deliveries that were given up wait once more, as if they were new; returns how many."""
    return found.filter(state=DEAD).update(state=WAITING, tries=0, next_at=0, error="")


def tidy() -> None:
    """Delete what was told last week, and what was given up three months ago."""
    for state, kept in KEPT.items():
        Delivery.objects.filter(state=state, at__lt=rows.now() - kept).delete()


def _given_up(subscription: Subscription, text: str) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(failures=F("failures") + 1)
    subscription.refresh_from_db(fields=["failures"])
    last = f"A change could not be delivered in {settings.SUBSCRIPTION_TRIES} tries: {text}"
    if subscription.failures >= FAILURES:
        following.end(subscription, f"{FAILURES} changes in a row could not be delivered. {text}")
    else:
        following.turn(subscription.practice_id, subscription.fhir_id, "error", last)


def _close(delivery: Delivery, state: str, error: str) -> int:
    return _mine(delivery).update(state=state, error=error, next_at=0)


def _mine(delivery: Delivery) -> QuerySet[Delivery]:
    """The row while it is still this process's: one that took too long may be in other hands."""
    return Delivery.objects.filter(pk=delivery.pk, state=WAITING, next_at=delivery.next_at)
