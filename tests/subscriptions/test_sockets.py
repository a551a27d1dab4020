"""The WebSocket of Subscriptions on a real server: what is said, to whom, and when it ends."""

import asyncio
import json
import socket as sockets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import uvicorn
from django.core import signing
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from inbox import fhir
from inbox.fhir import outbox, outcome, rows
from inbox.fhir.guard import Guarded
from inbox.fhir.types import Resource
from inbox.models import Practice, Subscription
from inbox.subscriptions import bindings, hub, rules, socket, tokens
from inbox.subscriptions.socket import Endpoint

from .conftest import PATIENCE, Members, message, subscription

# The server looks from a thread with a connection of its own.
pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.postgres]

Open = Callable[..., ClientConnection]


class Server:
    """uvicorn in a thread, with sockets of its own."""

    def __init__(self) -> None:
        with sockets.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.endpoint = Endpoint()
        config = uvicorn.Config(self.endpoint, port=self.port, interface="asgi3", log_level="error", lifespan="off")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until(lambda: self.server.started)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(PATIENCE)
        self.endpoint.hub.stop()
        self.endpoint.hub._thread.shutdown(wait=True)


@pytest.fixture
def server(people: Members, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(hub, "POLL", 0.02)
    monkeypatch.setattr(hub, "CHECK", 0.05)
    found = Server()
    yield found
    found.stop()


@pytest.fixture
def open_socket(server: Server) -> Iterator[Open]:
    with ExitStack() as opened:

        def open_one(**options: Any) -> ClientConnection:
            return opened.enter_context(connect(f"ws://127.0.0.1:{server.port}{tokens.PATH}", **options))

        yield open_one


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def follow(repo: Guarded, criteria: str = "Communication", **elements: Any) -> str:
    written = repo.create(subscription(criteria, **elements)).resource
    assert written is not None
    return str(written["id"])


def token(repo: Guarded, id: str) -> str:
    found = {one["name"]: one for one in tokens.issue(repo, id)["parameter"]}
    return str(found["token"]["valueString"])


def say(client: ClientConnection, kind: str, text: str = "") -> None:
    client.send(json.dumps({"type": kind, **({"payload": {"token": text}} if text else {})}))


def hear(client: ClientConnection) -> Resource:
    found: Resource = json.loads(client.recv(timeout=PATIENCE))
    return found


def status(bundle: Resource) -> Resource:
    found: Resource = bundle["entry"][0]["resource"]
    assert found["resourceType"] == "SubscriptionStatus"
    return found


def bound(client: ClientConnection, repo: Guarded, id: str) -> None:
    say(client, "bind-with-token", token(repo, id))
    assert status(hear(client))["type"] == "handshake"


def events(client: ClientConnection) -> list[Resource]:
    """All events that came before the answer to a ping that is sent once the server has looked."""
    found = []
    say(client, "ping")
    while (one := hear(client)) != {"type": "pong"}:
        found.append(one)
    return found


def closed(client: ClientConnection) -> int:
    """The code with which the server closes."""
    try:
        while True:
            client.recv(timeout=PATIENCE)
    except ConnectionClosed as error:
        assert error.rcvd is not None
        return error.rcvd.code


# What is said


def test_a_token_is_given_to_who_may_read_the_subscription(alice: Guarded, people: Members, settings: Any) -> None:
    settings.BASE_URL = "https://clinic.example"
    id = follow(alice)
    found = {one["name"]: one for one in tokens.issue(alice, id)["parameter"]}
    assert found["websocket-url"]["valueUrl"] == "wss://clinic.example/ws/subscriptions-r4"
    seconds = (rows.micros(found["expiration"]["valueDateTime"]) - rows.now()) / 1_000_000
    assert 360 < seconds <= tokens.LIFETIME
    stranger = people.join("bob", {"resourceType": "Subscription", "criteria": "Subscription?type=rest-hook"})
    with pytest.raises(outcome.NotFound):
        tokens.issue(stranger, id)
    with pytest.raises(outcome.Forbidden):
        tokens.issue(people.join("carl", {"resourceType": "Task"}), id)


def test_a_subscription_that_is_off_or_no_socket_gets_no_token(alice: Guarded) -> None:
    with pytest.raises(outcome.Unprocessable):
        tokens.issue(alice, follow(alice, status="off"))
    with pytest.raises(outcome.Unprocessable):
        tokens.issue(alice, follow(alice, channel={"type": "rest-hook", "endpoint": "http://127.0.0.1:9/"}))


def test_where_the_data_are_on_another_server_there_is_no_socket_of_ours(alice: Guarded, settings: Any) -> None:
    id = follow(alice)
    assert token(alice, id)
    settings.FHIR_BASE_URL = "https://fhir.example"
    with pytest.raises(outcome.Unprocessable, match="another server"):
        tokens.issue(alice, id)


def test_binding_is_answered_with_a_handshake_and_a_change_with_an_event(alice: Guarded, open_socket: Open) -> None:
    id = follow(alice)
    client = open_socket()
    say(client, "bind-with-token", token(alice, id))
    hello = status(hear(client))
    assert (hello["type"], hello["subscription"]) == ("handshake", {"reference": f"Subscription/{id}"})
    sent = alice.create(message()).resource
    assert sent is not None
    bundle = hear(client)
    first, second = bundle["entry"]
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "history")
    assert first["resource"]["type"] == "event-notification"
    assert first["resource"]["subscription"] == {"reference": f"Subscription/{id}"}
    assert first["resource"]["notificationEvent"][0]["focus"] == {"reference": f"Communication/{sent['id']}"}
    assert second["resource"] == alice.read("Communication", sent["id"])


def test_a_deletion_is_an_event_without_a_resource(alice: Guarded, open_socket: Open) -> None:
    sent = alice.create(message()).resource
    assert sent is not None
    client = open_socket()
    bound(client, alice, follow(alice))
    alice.delete("Communication", sent["id"])
    entry = hear(client)["entry"][1]
    assert "resource" not in entry
    assert entry["request"] == {"method": "DELETE", "url": f"Communication/{sent['id']}"}


def test_only_the_interactions_that_were_asked_for_are_events(alice: Guarded, open_socket: Open) -> None:
    client = open_socket()
    bound(client, alice, follow(alice, extension=[{"url": rules.SUPPORTED, "valueCode": "update"}]))
    sent = alice.create(message()).resource
    assert sent is not None
    alice.update({**sent, "topic": {"text": "changed"}})
    assert hear(client)["entry"][1]["resource"]["topic"] == {"text": "changed"}
    assert events(client) == []


def test_a_ping_is_answered_bound_or_not(open_socket: Open) -> None:
    client = open_socket()
    say(client, "ping")
    assert hear(client) == {"type": "pong"}


def test_heartbeats_come_by_themselves(alice: Guarded, open_socket: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "HEARTBEAT", 0.05)
    client = open_socket()
    bound(client, alice, follow(alice))
    assert status(hear(client))["type"] == "heartbeat"


def test_one_socket_hears_for_several_subscriptions_until_each_is_unbound(alice: Guarded, open_socket: Open) -> None:
    messages, tasks = follow(alice), follow(alice, "Patient")
    client = open_socket()
    bound(client, alice, messages)
    bound(client, alice, tasks)
    alice.create({"resourceType": "Patient"})
    assert status(hear(client))["subscription"] == {"reference": f"Subscription/{tasks}"}
    say(client, "unbind-from-token", token(alice, tasks))
    alice.create({"resourceType": "Patient"})
    alice.create(message())
    assert status(hear(client))["subscription"] == {"reference": f"Subscription/{messages}"}


def test_binding_again_goes_on_counting(alice: Guarded, open_socket: Open) -> None:
    id = follow(alice)
    client = open_socket()
    bound(client, alice, id)
    alice.create(message())
    assert status(hear(client))["eventsSinceSubscriptionStart"] == "1"
    bound(client, alice, id)
    alice.create(message())
    assert status(hear(client))["eventsSinceSubscriptionStart"] == "2"


def test_events_come_in_order_and_once(alice: Guarded, open_socket: Open) -> None:
    client = open_socket()
    bound(client, alice, follow(alice))
    for number in range(30):
        alice.create(message(topic=str(number)))
    topics = [hear(client)["entry"][1]["resource"]["topic"]["text"] for _ in range(30)]
    assert topics == [str(number) for number in range(30)]
    assert events(client) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"type":"shout"}',
        '{"type":"bind-with-token"}',
        '{"type":"bind-with-token","payload":[]}',
    ],
)
def test_what_is_no_message_is_answered_with_an_outcome_or_the_end(open_socket: Open, text: str) -> None:
    client = open_socket()
    client.send(text)
    if not text:
        assert closed(client) == socket.TOO_BIG
        return
    assert hear(client)["resourceType"] == "OperationOutcome"
    say(client, "ping")
    assert hear(client) == {"type": "pong"}


# Who may hear


def test_a_token_that_was_changed_or_is_over_binds_nothing(
    alice: Guarded, open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = token(alice, follow(alice))
    client = open_socket()
    forged = signing.dumps({"practice": 1, "subscription": "x", "membership": "alice"}, salt="other")
    for bad in (good[:-1] + ("A" if good[-1] != "A" else "B"), forged, "null"):
        say(client, "bind-with-token", bad)
        assert hear(client)["id"] == "unauthorized"
    monkeypatch.setattr(tokens, "LIFETIME", -1)
    say(client, "bind-with-token", good)
    assert hear(client)["id"] == "unauthorized"


def test_ac79_everybody_hears_what_they_may_read_and_sees_what_they_may_see(
    alice: Guarded, people: Members, open_socket: Open
) -> None:
    blind = {
        "resourceType": "Communication",
        "criteria": "Communication?status=completed",
        "hiddenFields": ["topic", "identifier"],
    }
    bob = people.join("bob", blind, {"resourceType": "Subscription"})
    hers, his = open_socket(), open_socket()
    bound(hers, alice, follow(alice))
    bound(his, bob, follow(bob))
    asking = open_socket()
    bound(asking, bob, follow(bob, "Communication?identifier=x|42"))
    alice.create(message(status="in-progress"))
    alice.create(message(status="completed", identifier=[{"system": "x", "value": "42"}]))
    assert [hear(hers)["entry"][1]["resource"]["status"] for _ in range(2)] == ["in-progress", "completed"]
    seen = hear(his)["entry"][1]["resource"]
    assert seen["status"] == "completed"
    assert {"topic", "identifier"}.isdisjoint(seen)
    assert events(his) == []
    assert events(asking) == []


def test_ac77_who_may_not_read_any_more_hears_nothing_from_then_on(
    alice: Guarded, people: Members, open_socket: Open
) -> None:
    his = open_socket()
    bob = people.join("bob")
    bound(his, bob, follow(bob))
    hers = open_socket()
    bound(hers, alice, follow(alice))
    people.join("bob", {"resourceType": "Task"}, {"resourceType": "Subscription"})
    alice.create(message())
    assert status(hear(hers))["type"] == "event-notification"
    assert events(his) == []


def test_another_practice_hears_nothing(alice: Guarded, open_socket: Open) -> None:
    client = open_socket()
    bound(client, alice, follow(alice, "Patient"))
    other = fhir.create_practice("shelbyville", "Shelbyville")
    fhir.bulk_load(other, [{"resourceType": "Patient", "id": "ned"}])
    alice.create({"resourceType": "Patient", "gender": "male"})
    assert hear(client)["entry"][1]["resource"]["gender"] == "male"
    assert events(client) == []


def test_ac80_a_membership_that_ends_closes_its_sockets_and_no_other(
    alice: Guarded, people: Members, open_socket: Open
) -> None:
    his, hers = open_socket(), open_socket()
    bob = people.join("bob")
    bound(his, bob, follow(bob))
    bound(hers, alice, follow(alice))
    del people.policies["bob"]
    assert closed(his) == hub.POLICY
    alice.create(message())
    assert status(hear(hers))["type"] == "event-notification"


def test_it_is_promised_within_five_seconds() -> None:
    assert hub.CHECK + hub.POLL + socket.FAREWELL < 5


def test_a_token_of_who_has_left_binds_nothing(alice: Guarded, people: Members, open_socket: Open) -> None:
    bob = people.join("bob")
    text = token(bob, follow(bob))
    del people.policies["bob"]
    client = open_socket()
    say(client, "bind-with-token", text)
    assert hear(client)["id"] == "unauthorized"


@pytest.mark.parametrize("how", ["off", "deleted", "not readable"])
def test_a_subscription_that_ends_ends_its_binding(
    alice: Guarded, people: Members, open_socket: Open, how: str
) -> None:
    bob = people.join("bob")
    id = follow(bob)
    client = open_socket()
    bound(client, bob, id)
    if how == "off":
        alice.update({**alice.read("Subscription", id), "status": "off"})
    elif how == "deleted":
        alice.delete("Subscription", id)
    else:
        people.join("bob", {"resourceType": "Communication"})
        alice.update({**alice.read("Subscription", id), "reason": "other"})
    assert hear(client)["id"] == "not-found"
    alice.create(message())
    assert events(client) == []


def test_criteria_that_change_count_from_then_on(alice: Guarded, open_socket: Open) -> None:
    id = follow(alice)
    client = open_socket()
    bound(client, alice, id)
    alice.update({**alice.read("Subscription", id), "criteria": "Patient"})
    # The change itself is news too, and comes first.
    alice.create({"resourceType": "Patient"})
    assert hear(client)["entry"][1]["resource"]["resourceType"] == "Patient"
    alice.create(message())
    assert events(client) == []


def test_what_was_told_is_in_the_trail_before_it_is_heard(
    alice: Guarded, open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inbox.fhir.audit import Trail

    monkeypatch.setattr(hub, "BROKEN", 0.05)
    client = open_socket()
    bound(client, alice, follow(alice))
    write, failures = Trail.write, [True, True]

    def failing(trail: Trail) -> None:
        if trail.entries and failures:
            failures.pop()
            trail.entries.clear()
            raise outcome.Busy("full")
        write(trail)

    monkeypatch.setattr(Trail, "write", failing)
    alice.create(message())
    told = status(hear(client))
    assert (told["type"], told["eventsSinceSubscriptionStart"]) == ("event-notification", "1")
    assert failures == []
    assert events(client) == []


# Limits


@pytest.mark.parametrize(
    ("headers", "welcome"),
    [
        ({}, True),
        ({"Origin": "http://127.0.0.1:3000"}, True),
        ({"Origin": "https://app.example"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
    ],
)
def test_pages_of_others_are_turned_away(
    open_socket: Open, settings: Any, headers: dict[str, str], welcome: bool
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    if welcome:
        say(client := open_socket(additional_headers=headers), "ping")
        assert hear(client) == {"type": "pong"}
    else:
        with pytest.raises(InvalidStatus) as caught:
            open_socket(additional_headers=headers)
        assert caught.value.response.status_code == 403


def test_another_host_is_turned_away(open_socket: Open, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["clinic.example"]
    with pytest.raises(InvalidStatus):
        open_socket()


def test_a_membership_has_so_many_sockets(alice: Guarded, open_socket: Open, settings: Any) -> None:
    settings.SOCKETS_PER_MEMBERSHIP = 2
    id = follow(alice)
    first, second, third = open_socket(), open_socket(), open_socket()
    bound(first, alice, id)
    bound(second, alice, id)
    say(third, "bind-with-token", token(alice, id))
    assert closed(third) == hub.POLICY
    bound(second, alice, id)
    first.close()
    until(lambda: _binds(open_socket(), alice, id))


def _binds(client: ClientConnection, repo: Guarded, id: str) -> bool:
    say(client, "bind-with-token", token(repo, id))
    return "entry" in hear(client)


def test_a_message_is_small(open_socket: Open) -> None:
    client = open_socket()
    client.send("x" * (socket.MAX_MESSAGE + 1))
    assert closed(client) == socket.TOO_BIG


def test_who_talks_too_much_is_cut_off(open_socket: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    client = open_socket()
    with suppress(ConnectionClosed):
        for _ in range(socket.MESSAGES + 1):
            say(client, "ping")
    assert closed(client) == hub.POLICY


def test_a_socket_that_is_bound_to_nothing_is_closed(open_socket: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "UNBOUND", 0.05)
    assert closed(open_socket()) == hub.POLICY


def test_a_reader_who_is_too_slow_is_dropped_and_others_are_not(
    alice: Guarded, server: Server, open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MAX_BYTES", 100_000)
    id = follow(alice)
    slow = open_socket(max_queue=1, compression=None)
    slow.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    bound(slow, alice, id)
    quick = open_socket()
    bound(quick, alice, id)
    heard = 0
    # It reads nothing: its buffers fill, then ours does, and that is the end.
    while len(server.endpoint.hub.sockets) == 2:
        alice.create(message(topic="x" * 60_000, note=[{"text": "y" * 900_000}]))
        assert status(hear(quick))["type"] == "event-notification"
        heard += 1
        assert heard < 100
    slow.socket.close()
    alice.create(message())
    assert status(hear(quick))["type"] == "event-notification"


def test_while_nothing_happens_a_look_is_one_query_for_all(
    alice: Guarded, people: Members, django_assert_num_queries: Any, practice: Practice
) -> None:
    bob = people.join("bob")
    found = [
        bindings.bind(token(repo, follow(repo, criteria))) for repo in (alice, bob) for criteria in ("Task", "Patient")
    ]
    watch = bindings.Watch()
    with django_assert_num_queries(1):
        assert not watch.look()
    alice.create({"resourceType": "Patient"})
    assert watch.look()
    assert len(watch.tell(found)) == 2
    assert not watch.look()


def test_a_bound_subscription_is_not_forgotten(alice: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    id = follow(alice)
    Subscription.objects.update(seen_at=0)
    bindings.bind(token(alice, id))
    assert Subscription.objects.get().seen_at > 0
    Subscription.objects.update(seen_at=0)
    bindings.seen([tokens.Token(alice.actor.practice, id, "alice")])
    assert Subscription.objects.get().seen_at > 0


def test_the_application_serves_pages_and_the_socket(alice: Guarded) -> None:
    from inbox import asgi

    said: list[str] = []

    async def ask(path: str) -> None:
        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"} if not said else {"type": "websocket.disconnect"}

        async def send(event: Any) -> None:
            said.append(event["type"])

        await asgi.application({"type": "websocket", "path": path, "headers": [(b"host", b"127.0.0.1")]}, receive, send)

    asyncio.run(ask("/ws/other"))
    assert said == ["websocket.close"]
    said.clear()
    asyncio.run(ask(tokens.PATH))
    assert said == ["websocket.accept"]
    assert rules.SOCKET == "websocket"
    assert outbox.handlers
