"""People who subscribe, under policies of their own, and an endpoint on loopback that notes what reaches it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from inbox import fhir
from inbox.fhir import members, outbox
from inbox.fhir.guard import Guarded
from inbox.fhir.types import Actor, Resource
from inbox.models import Practice
from inbox.subscriptions.dispatch import Dispatcher

PATIENCE = 30.0
EVERYTHING = [{"resourceType": type} for type in ("Communication", "Patient", "Practitioner", "Task", "Subscription")]


def policy(*entries: Resource) -> Resource:
    return {"resourceType": "AccessPolicy", "id": "of-test", "resource": list(entries)}


@dataclass
class Members:
    """Memberships by key, as whoever keeps accounts would know them."""

    practice: Practice
    policies: dict[str, Resource] = field(default_factory=dict)

    def join(self, key: str, *entries: Resource) -> Guarded:
        """A Practitioner of this name under a policy of these entries; without any, one that opens everything."""
        self.policies[key] = policy(*(entries or EVERYTHING))
        found = self.reconnect(key)
        assert found is not None
        return found

    def reconnect(self, key: str) -> Guarded | None:
        if key not in self.policies:
            return None
        actor = Actor(self.practice.pk, f"Practitioner/{key}", (f"Practitioner/{key}",), membership=key)
        return fhir.connect(actor, self.policies[key])


@pytest.fixture
def people(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> Members:
    """Nobody yet."""
    found = Members(practice)
    monkeypatch.setattr(members, "_reconnects", [found.reconnect])
    return found


@pytest.fixture
def alice(people: Members) -> Guarded:
    """Somebody who may read and write everything."""
    return people.join("alice")


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What reached an endpoint; `answers` says which status each path gets, by the number of tries."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    answers: dict[str, Callable[[int], int]] = field(default_factory=dict)
    hold: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Request]:
        return [one for one in self.requests if one.path == path]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.requests.append(Request(self.path, dict(self.headers.items()), body))
            tries = len(found.at(self.path))
            if self.path == "/slow":
                found.hold.wait(PATIENCE)
            status = found.answers.get(self.path, lambda tries: 200)(tries)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", found.url("/elsewhere"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    found.hold.set()
    server.shutdown()
    server.server_close()
    thread.join(PATIENCE)


def subscription(criteria: str = "Communication", **elements: Any) -> Resource:
    """A WebSocket Subscription, unless a channel says otherwise."""
    about: Resource = {"resourceType": "Subscription", "status": "requested", "reason": "news", "criteria": criteria}
    return {**about, "channel": {"type": "websocket"}, **elements}


def hook(endpoint: str, **channel: Any) -> dict[str, Any]:
    """A channel that sends the resource."""
    return {"type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json", **channel}


def message(id: str = "", topic: str = "labs", **elements: Any) -> Resource:
    found: Resource = {"resourceType": "Communication", "status": "in-progress", "topic": {"text": topic}, **elements}
    return {**found, "id": id} if id else found


def work() -> None:
    """What the worker does until nothing is left to do now."""
    while outbox.work():
        pass
    Dispatcher().drain()
