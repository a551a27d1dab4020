"""What reaches the endpoint of a rest-hook: signed, in order, at least once, and never what its owner may not read."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from inbox.channels.resthook import Answer
from inbox.fhir import outbox, rows
from inbox.fhir.guard import Guarded
from inbox.fhir.types import Resource
from inbox.models import AuditEvent, Delivery, Practice, Subscription
from inbox.subscriptions import deliveries, following, news, rules
from inbox.subscriptions.dispatch import Dispatcher

from .conftest import PATIENCE, Members, Receiver, hook, message, subscription, work

# Deliveries are sent by threads with connections of their own.
pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.postgres]


def follow(repo: Guarded, endpoint: str, criteria: str = "Communication", **elements: Any) -> str:
    channel = hook(endpoint, **elements.pop("channel", {}))
    written = repo.create(subscription(criteria, channel=channel, **elements)).resource
    assert written is not None
    return str(written["id"])


def send(repo: Guarded, **elements: Any) -> Resource:
    written = repo.create(message(**elements)).resource
    assert written is not None
    return written


def later(monkeypatch: pytest.MonkeyPatch, hours: float = 2) -> None:
    """As if so much time had gone by."""
    now = rows.now() + round(hours * 3600 * 1_000_000)
    monkeypatch.setattr(rows, "now", lambda: now)


def states() -> list[tuple[str, int]]:
    return list(Delivery.objects.order_by("pk").values_list("state", "tries"))


# What is sent


def test_a_change_reaches_the_endpoint_signed_and_with_the_headers_of_the_channel(
    alice: Guarded, receiver: Receiver
) -> None:
    id = follow(alice, receiver.url("/hook?a=1"), channel={"header": ["Authorization: Bearer abc", "X-Clinic: 1"]})
    sent = send(alice)
    work()
    (request,) = receiver.at("/hook?a=1")
    assert json.loads(request.body) == alice.read("Communication", sent["id"])
    secret = rules.secret(alice.read("Subscription", id))
    assert request.headers["X-Signature"] == hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
    assert request.headers["X-Subscription-Id"] == id
    assert request.headers["Content-Type"] == "application/fhir+json"
    assert (request.headers["Authorization"], request.headers["X-Clinic"]) == ("Bearer abc", "1")
    assert request.headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert states() == [("done", 1)]
    work()
    assert len(receiver.requests) == 1


def test_without_a_payload_the_notice_says_nothing_of_the_resource(alice: Guarded, receiver: Receiver) -> None:
    channel = {"type": "rest-hook", "endpoint": receiver.url()}
    alice.create(subscription(channel=channel))
    sent = send(alice)
    alice.delete("Communication", sent["id"])
    work()
    (request,) = receiver.requests
    assert request.body == b""
    assert sent["id"] not in str(request.headers)
    assert "X-Signature" in request.headers


def test_a_deletion_is_told_by_a_header(alice: Guarded, receiver: Receiver) -> None:
    sent = send(alice)
    work()
    follow(alice, receiver.url())
    alice.delete("Communication", sent["id"])
    work()
    (request,) = receiver.requests
    assert (request.body, request.headers["X-Deleted-Resource"]) == (b"", f"Communication/{sent['id']}")


def test_only_what_meets_the_criteria_is_told(alice: Guarded, receiver: Receiver) -> None:
    follow(alice, receiver.url(), "Communication?status=completed")
    sent = send(alice)
    work()
    assert receiver.requests == []
    alice.update({**sent, "status": "completed"})
    work()
    assert [json.loads(one.body)["status"] for one in receiver.requests] == ["completed"]


def test_only_the_interactions_that_were_asked_for_are_told(alice: Guarded, receiver: Receiver) -> None:
    follow(alice, receiver.url(), extension=[{"url": rules.SUPPORTED, "valueCode": "update"}])
    sent = send(alice)
    work()
    assert receiver.requests == []
    alice.update({**sent, "topic": {"text": "other"}})
    work()
    assert len(receiver.requests) == 1


def test_another_practice_hears_nothing(alice: Guarded, receiver: Receiver) -> None:
    from inbox import fhir

    follow(alice, receiver.url(), "Patient")
    other = fhir.create_practice("shelbyville", "Shelbyville")
    fhir.bulk_load(other, [{"resourceType": "Patient", "id": "homer"}])
    work()
    assert receiver.requests == []
    alice.create({"resourceType": "Patient"})
    work()
    assert len(receiver.requests) == 1


# Who may hear


def test_a_membership_of_another_practice_hears_nothing_of_this_one(alice: Guarded) -> None:
    here = alice.actor.practice
    assert news.reader(here, "alice") is not None
    assert news.reader(here + 1, "alice") is None
    assert news.reader(here, "") is None


def test_ac81_what_the_owner_may_not_read_is_not_told_not_even_as_an_event(
    alice: Guarded, people: Members, receiver: Receiver
) -> None:
    mine = {"resourceType": "Communication", "criteria": "Communication?recipient=%profile"}
    bob = people.join("bob", mine, {"resourceType": "Subscription"})
    follow(bob, receiver.url())
    send(alice)
    work()
    assert (receiver.requests, states()) == ([], [])
    alice.create({"resourceType": "Practitioner"})
    send(alice, recipient=[{"reference": "Practitioner/bob"}])
    work()
    assert len(receiver.requests) == 1


def test_ac81_access_is_asked_again_when_it_is_sent(alice: Guarded, people: Members, receiver: Receiver) -> None:
    bob = people.join("bob")
    follow(bob, receiver.url())
    send(alice)
    outbox.work()
    assert states() == [("waiting", 0)]
    people.join("bob", *({"resourceType": type} for type in ("Patient", "Subscription")))
    work()
    assert (receiver.requests, states()) == ([], [("done", 1)])
    people.join("bob")
    send(alice)
    work()
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("when", ["before the change is noted", "before it is sent"])
def test_ac81_the_subscription_of_who_has_left_ends(
    alice: Guarded, people: Members, receiver: Receiver, when: str
) -> None:
    id = follow(people.join("bob"), receiver.url())
    send(alice)
    if when == "before it is sent":
        outbox.work()
    del people.policies["bob"]
    work()
    ended = alice.read("Subscription", id)
    assert (ended["status"], "no access" in ended["error"]) == ("off", True)
    assert receiver.requests == []
    assert not Delivery.objects.filter(state="waiting").exists()
    send(alice)
    work()
    assert receiver.requests == []


def test_who_may_not_have_subscriptions_any_more_has_none(alice: Guarded, people: Members, receiver: Receiver) -> None:
    id = follow(people.join("bob"), receiver.url())
    people.join("bob", {"resourceType": "Communication"})
    send(alice)
    work()
    assert receiver.requests == []
    assert alice.read("Subscription", id)["status"] == "off"


def test_hidden_fields_are_not_sent_and_can_not_be_asked_for(
    alice: Guarded, people: Members, receiver: Receiver
) -> None:
    blind = {"resourceType": "Communication", "hiddenFields": ["topic", "priority", "identifier"]}
    bob = people.join("bob", blind, {"resourceType": "Subscription"})
    follow(bob, receiver.url("/all"))
    follow(bob, receiver.url("/has"), "Communication?identifier=x|42")
    follow(bob, receiver.url("/has-not"), "Communication?identifier:not=x|42")
    follow(bob, receiver.url("/missing"), "Communication?identifier:missing=true")
    for value in ("42", "43"):
        send(alice, identifier=[{"system": "x", "value": value}])
    work()
    told = {path: len(receiver.at(path)) for path in ("/all", "/has", "/has-not", "/missing")}
    assert told == {"/all": 2, "/has": 0, "/has-not": 2, "/missing": 2}
    assert all({"topic", "identifier"}.isdisjoint(json.loads(one.body)) for one in receiver.requests)


def test_what_is_sent_is_in_the_trail_as_read_by_the_owner(alice: Guarded, receiver: Receiver) -> None:
    from django.conf import settings

    id = follow(alice, receiver.url())
    sent = send(alice)
    work()
    trail = AuditEvent.objects.using(settings.AUDIT_READS).filter(query=f"Subscription/{id}")
    assert list(trail.values_list("interaction", "actor", "type", "fhir_id", "outcome")) == [
        ("read", "Practitioner/alice", "Communication", sent["id"], "0")
    ]


# When it fails


@pytest.mark.parametrize("status", [500, 429, 404, 302])
def test_a_failure_is_sent_again_with_the_same_key_until_it_succeeds(
    alice: Guarded, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    follow(alice, receiver.url())
    receiver.answers["/hook"] = lambda tries: status if tries < 3 else 200
    send(alice)
    work()
    assert states() == [("waiting", 1)]
    assert str(status) in Delivery.objects.get().error
    work()
    assert len(receiver.requests) == 1, "it is not sent again at once"
    for _ in range(2):
        later(monkeypatch)
        work()
    assert states() == [("done", 3)]
    assert len({one.headers["Idempotency-Key"] for one in receiver.requests}) == 1
    assert {one.path for one in receiver.requests} == {"/hook"}, "no redirect is followed"


def test_pauses_grow_and_differ(
    alice: Guarded, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    follow(alice, receiver.url())
    receiver.answers["/hook"] = lambda tries: 500
    send(alice)
    waits = []
    for _ in range(12):
        work()
        waits.append((Delivery.objects.get().next_at - rows.now()) / 1_000_000)
        later(monkeypatch)
    assert all(0.5 * wait <= got <= wait for got, wait in zip(waits[:4], (5, 10, 20, 40), strict=True))
    assert 2700 <= waits[-1] <= 3600
    assert waits[-1] != waits[-2]


def test_what_is_given_up_is_listed_and_the_subscription_says_so(
    alice: Guarded, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.SUBSCRIPTION_TRIES = 2
    id = follow(alice, receiver.url())
    receiver.answers["/hook"] = lambda tries: 500 if tries < 3 else 200
    send(alice)
    work()
    assert alice.read("Subscription", id)["status"] == "active"
    later(monkeypatch)
    work()
    assert states() == [("dead", 2)]
    failed = alice.read("Subscription", id)
    assert (failed["status"], "500" in failed["error"]) == ("error", True)
    send(alice)
    work()
    assert states() == [("dead", 2), ("done", 1)]
    healed = alice.read("Subscription", id)
    assert (healed["status"], "error" in healed) == ("active", False)
    assert deliveries.again(Delivery.objects.all()) == 1
    work()
    assert [state for state, _ in states()] == ["done", "done"]


def test_an_endpoint_that_never_answers_well_is_left_alone(
    alice: Guarded, receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SUBSCRIPTION_TRIES = 1
    monkeypatch.setattr(deliveries, "FAILURES", 2)
    id = follow(alice, receiver.url())
    receiver.answers["/hook"] = lambda tries: 500
    for _ in range(4):
        send(alice)
    work()
    assert len(receiver.requests) == 2
    assert alice.read("Subscription", id)["status"] == "off"
    assert {state for state, _ in states()} == {"dead"}


def test_410_turns_the_subscription_off(alice: Guarded, receiver: Receiver) -> None:
    id = follow(alice, receiver.url())
    receiver.answers["/hook"] = lambda tries: 410
    send(alice)
    send(alice)
    work()
    assert len(receiver.requests) == 1
    assert alice.read("Subscription", id)["status"] == "off"
    assert [state for state, _ in states()] == ["dead", "dead"]


@pytest.mark.parametrize("status", [200, 500])
def test_a_late_answer_does_not_turn_on_again_what_was_turned_off(
    alice: Guarded, receiver: Receiver, settings: Any, status: int
) -> None:
    settings.SUBSCRIPTION_TRIES = 1
    id = follow(alice, receiver.url())
    send(alice)
    outbox.work()
    row = Subscription.objects.get()
    Subscription.objects.update(failures=1)
    delivery = deliveries.claim(row.pk)
    assert delivery is not None
    current = alice.read("Subscription", id)
    following.turn(row.practice_id, id, "off", "enough")
    Delivery.objects.update(state="waiting")
    deliveries.settle(delivery, Answer(status, "" if status == 200 else "no"))
    assert alice.read("Subscription", id) == {
        **current,
        "meta": alice.read("Subscription", id)["meta"],
        "status": "off",
        "error": "enough",
    }


def test_an_endpoint_that_nobody_serves_is_a_failure_in_words(alice: Guarded, receiver: Receiver) -> None:
    follow(alice, "http://127.0.0.1:1/")
    send(alice)
    work()
    assert "No connection" in Delivery.objects.get().error


def test_a_host_that_is_not_listed_any_more_gets_nothing(alice: Guarded, receiver: Receiver, settings: Any) -> None:
    follow(alice, receiver.url())
    settings.SUBSCRIPTION_HOSTS = ["hooks.example.org"]
    send(alice)
    work()
    assert receiver.requests == []
    assert "SUBSCRIPTION_HOSTS" in Delivery.objects.get().error


# Order, and who waits for whom


def test_within_a_thread_nothing_overtakes_what_failed(
    alice: Guarded, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(alice, receiver.url(), "Communication?part-of:missing=false")
    first, second = send(alice, topic="first"), send(alice, topic="second")
    receiver.answers["/hook"] = lambda tries: 500 if tries == 1 else 200
    for thread, text in ((first, "1a"), (first, "1b"), (second, "2a")):
        send(alice, topic=text, partOf=[{"reference": f"Communication/{thread['id']}"}])
    work()
    assert _topics(receiver) == ["1a", "2a"]
    later(monkeypatch)
    work()
    assert _topics(receiver) == ["1a", "2a", "1a", "1b"]


def test_a_slow_endpoint_holds_up_nobody_else(alice: Guarded, receiver: Receiver) -> None:
    follow(alice, receiver.url("/slow"))
    follow(alice, receiver.url("/quick"))
    send(alice)
    while outbox.work():
        pass
    dispatcher = Dispatcher()
    assert dispatcher.start() == 2
    _until(lambda: receiver.at("/quick") and receiver.at("/slow"))
    _until(lambda: Delivery.objects.filter(state="done").count() == 1)
    # Only the slow one is left, and it is not begun twice.
    _until(lambda: dispatcher.start() == 1)
    send(alice)
    outbox.work()
    _until(lambda: dispatcher.start() and len(receiver.at("/quick")) == 2)
    assert len(receiver.at("/slow")) == 1
    receiver.hold.set()
    dispatcher.drain()
    assert Delivery.objects.filter(state="done").count() == 4


def test_an_endpoint_that_does_not_answer_is_given_up_after_the_timeout(
    alice: Guarded, receiver: Receiver, settings: Any
) -> None:
    settings.SUBSCRIPTION_TIMEOUT = 0.2
    follow(alice, receiver.url("/slow"))
    send(alice)
    work()
    assert "No answer within 0.2 seconds" in Delivery.objects.get().error


def test_two_workers_never_hold_the_same_delivery(alice: Guarded, receiver: Receiver) -> None:
    follow(alice, receiver.url())
    send(alice)
    outbox.work()
    pk = Subscription.objects.get().pk
    one = deliveries.claim(pk)
    assert one is not None
    assert deliveries.claim(pk) is None


def test_what_a_lost_worker_had_begun_is_sent_again_and_its_late_answer_ignored(
    alice: Guarded, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(alice, receiver.url())
    send(alice)
    outbox.work()
    lost = deliveries.claim(Subscription.objects.get().pk)
    assert lost is not None
    later(monkeypatch)
    found = deliveries.claim(lost.subscription_id)
    assert found is not None
    assert (found.pk, found.tries) == (lost.pk, 2)
    deliveries.withheld(lost)
    assert states() == [("waiting", 2)]
    deliveries.withheld(found)
    assert states() == [("done", 2)]


def test_a_fault_of_ours_counts_as_a_try(
    alice: Guarded, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.SUBSCRIPTION_TRIES = 1
    id = follow(alice, receiver.url())
    monkeypatch.setattr(rules, "hosts", lambda: 1 / 0)
    send(alice)
    work()
    assert states() == [("dead", 1)]
    assert "ZeroDivisionError" in alice.read("Subscription", id)["error"]


def test_nothing_is_noted_where_nobody_follows(alice: Guarded, practice: Practice) -> None:
    send(alice)
    work()
    assert not Delivery.objects.exists()
    assert not outbox.waiting()


def test_old_deliveries_are_deleted_and_those_given_up_kept_longer(
    alice: Guarded, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(alice, receiver.url())
    for _ in range(3):
        send(alice)
    outbox.work()
    for state, row in zip(("done", "dead", "waiting"), Delivery.objects.order_by("pk"), strict=True):
        Delivery.objects.filter(pk=row.pk).update(state=state)
    later(monkeypatch, hours=8 * 24)
    deliveries.tidy()
    assert [state for state, _ in states()] == ["dead", "waiting"]
    later(monkeypatch, hours=91 * 24)
    deliveries.tidy()
    assert [state for state, _ in states()] == ["waiting"]


def _topics(receiver: Receiver) -> list[str]:
    return [json.loads(one.body)["topic"]["text"] for one in receiver.requests]


def _until(condition: Any) -> None:
    """Wait for a condition, without a fixed time to sleep."""
    import time

    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
