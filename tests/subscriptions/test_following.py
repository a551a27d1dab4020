"""Who follows what: the server turns Subscriptions on and off, and who wrote one last answers for it."""

import pytest

from inbox.fhir import outbox, outcome, rows
from inbox.fhir.guard import Guarded
from inbox.models import Delivery, Subscription
from inbox.subscriptions import following, rules

from .conftest import Members, hook, message, subscription

pytestmark = pytest.mark.django_db


def test_what_is_requested_is_turned_on_by_the_server(alice: Guarded) -> None:
    written = alice.create(subscription()).resource
    assert written is not None
    assert alice.read("Subscription", written["id"])["status"] == "active"
    row = Subscription.objects.get()
    assert (row.active, row.owner, row.type, row.channel) == (True, "alice", "Communication", "websocket")


def test_what_is_off_follows_nothing_until_it_is_requested_again(alice: Guarded) -> None:
    written = alice.create(subscription(status="off")).resource
    assert written is not None
    assert not Subscription.objects.get().active
    alice.update({**written, "status": "requested"})
    assert alice.read("Subscription", written["id"])["status"] == "active"
    assert Subscription.objects.get().active


def test_a_rest_hook_gets_a_secret_and_keeps_it(alice: Guarded) -> None:
    id = _id(alice.create(subscription(channel=hook("http://127.0.0.1:9/"))).resource)
    secret = rules.secret(alice.read("Subscription", id))
    assert len(secret) > 30
    alice.update({**subscription(channel=hook("http://127.0.0.1:9/other")), "id": id})
    assert rules.secret(alice.read("Subscription", id)) == secret
    own = [{"url": rules.SECRET, "valueString": "mine"}]
    mine = _id(alice.create(subscription(channel=hook("http://127.0.0.1:9/"), extension=own)).resource)
    assert rules.secret(alice.read("Subscription", mine)) == "mine"


def test_a_websocket_gets_none(alice: Guarded) -> None:
    id = _id(alice.create(subscription()).resource)
    assert "extension" not in alice.read("Subscription", id)


def test_who_changes_a_subscription_answers_for_it(alice: Guarded, people: Members) -> None:
    id = _id(alice.create(subscription()).resource)
    bob = people.join("bob")
    bob.update({**bob.read("Subscription", id), "criteria": "Task"})
    row = Subscription.objects.get()
    assert (row.owner, row.type) == ("bob", "Task")


def test_a_change_that_is_refused_changes_nothing(alice: Guarded) -> None:
    id = _id(alice.create(subscription()).resource)
    with pytest.raises(outcome.Invalid):
        alice.update({**alice.read("Subscription", id), "criteria": "Task?colour=red"})
    assert Subscription.objects.get().type == "Communication"
    assert alice.read("Subscription", id)["criteria"] == "Communication"


def test_a_deleted_subscription_is_forgotten_with_what_waits_for_it(alice: Guarded) -> None:
    id = _id(alice.create(subscription(channel=hook("http://127.0.0.1:9/"))).resource)
    alice.create(message())
    _outbox()
    assert Delivery.objects.count() == 1
    alice.delete("Subscription", id)
    assert not Subscription.objects.exists()
    assert not Delivery.objects.exists()


def test_what_waits_for_a_subscription_that_is_turned_off_is_dropped(alice: Guarded) -> None:
    id = _id(alice.create(subscription(channel=hook("http://127.0.0.1:9/"))).resource)
    alice.create(message())
    _outbox()
    alice.update({**alice.read("Subscription", id), "status": "off"})
    assert list(Delivery.objects.values_list("state", "error")) == [("dead", following.OFF)]


def test_a_subscription_ends_when_it_asked_to(alice: Guarded) -> None:
    over = _id(alice.create(subscription(end="2020-01-01T00:00:00Z")).resource)
    later = _id(alice.create(subscription(end="2999-01-01T00:00:00Z")).resource)
    following.tidy()
    assert alice.read("Subscription", over)["status"] == "off"
    assert "end" in alice.read("Subscription", over)["error"]
    assert alice.read("Subscription", later)["status"] == "active"


def test_a_socket_that_nobody_listens_to_for_an_hour_is_turned_off(
    alice: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = _id(alice.create(subscription()).resource)
    other = _id(alice.create(subscription(channel=hook("http://127.0.0.1:9/"))).resource)
    following.tidy()
    assert alice.read("Subscription", socket)["status"] == "active"
    later = rows.now() + following.UNHEARD + 1
    monkeypatch.setattr(rows, "now", lambda: later)
    following.tidy()
    assert alice.read("Subscription", socket)["status"] == "off"
    assert alice.read("Subscription", other)["status"] == "active"
    alice.update({**alice.read("Subscription", socket), "status": "requested"})
    again = alice.read("Subscription", socket)
    assert (again["status"], "error" in again) == ("active", False)


def _id(resource: dict[str, str] | None) -> str:
    assert resource is not None
    return resource["id"]


def _outbox() -> None:
    while outbox.work():
        pass
