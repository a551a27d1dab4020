"""Subscriptions that open sockets are bound to, and what each of them hears: the part that asks the database.

All of it runs in one thread of a server process, so that any number of sockets costs one connection and, while
nothing happens, one query at a time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from django.conf import settings

from inbox import fhir
from inbox.fhir import outcome, rows
from inbox.fhir.guard import Guarded
from inbox.fhir.outbox import Event, Tail
from inbox.fhir.search import SearchRequest
from inbox.fhir.types import Resource
from inbox.models import Subscription

from . import following, news, rules, tokens
from .tokens import Token

Readers = dict[tuple[int, str], Guarded | None]
News = tuple[Event, Resource]
"""What has happened, and the resource as its reader sees it."""

METHODS = {"create": ("POST", "201"), "update": ("PUT", "200"), "delete": ("DELETE", "204")}
ENDED = "The subscription has ended."


@dataclass(eq=False)
class Binding:
    """One Subscription on one socket, heard with the eyes of the membership that has bound it."""

    token: Token
    request: SearchRequest
    interactions: tuple[str, ...]
    events: int = 0

    @property
    def reference(self) -> str:
        return f"Subscription/{self.token.subscription}"

    def concerns(self, event: Event) -> bool:
        mine = (self.token.practice, self.request.type) == (event.practice, event.type)
        return mine and event.interaction in self.interactions


@dataclass(frozen=True)
class Heard:
    """What a binding has to be told: a Bundle as JSON, or nothing, which says that it is over."""

    binding: Binding
    text: str


def bind(token: str) -> Binding:
    """The Subscription of a token; raises Unauthorized, NotFound or Unprocessable when there is nothing to bind to."""
    claims = tokens.read(token)
    guard = news.reader(claims.practice, claims.membership)
    if guard is None:
        raise outcome.Unauthorized("This membership has ended.")
    body = _running(claims, guard)
    if body is None:
        raise outcome.NotFound(ENDED)
    seen([claims])
    return Binding(claims, rules.criteria(body["criteria"]), rules.interactions(body))


def _running(token: Token, guard: Guarded) -> Resource | None:
    """The Subscription of a token, if it is a socket's, is turned on and may be read."""
    body = fhir.system(token.practice).raw("Subscription", token.subscription)
    if body is None or guard.view(body) is None or body["status"] not in following.RUNNING:
        return None
    return body if body["channel"]["type"] == rules.SOCKET else None


def ended(memberships: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of these (practice, membership) that have no access any more."""
    return {one for one in memberships if news.reader(*one) is None}


def seen(heard: Iterable[Token]) -> None:
    """Note that somebody listens, so that the Subscriptions are not turned off as forgotten."""
    for practice, ids in _by_practice(heard).items():
        Subscription.objects.filter(practice=practice, fhir_id__in=ids).update(seen_at=rows.now())


def _by_practice(heard: Iterable[Token]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for one in heard:
        found.setdefault(one.practice, set()).add(one.subscription)
    return found


@dataclass
class Watch:
    """Follows the outbox for all bindings of a process; made when the first one is there."""

    tail: Tail = field(default_factory=Tail)
    left: list[Event] = field(default_factory=list)
    """Changes that were read and not yet told: all of them again when something fails on the way."""

    def look(self) -> bool:
        """Whether anything has happened since the last look."""
        self.left = self.left or self.tail.read()
        return bool(self.left)

    def tell(self, bound: Sequence[Binding]) -> list[Heard]:
        """What the last look has found, for each binding that may hear of it, in order."""
        readers: Readers = {}
        found = [one for event in self.left for one in _concerned(event, bound, readers)]
        for reader in readers.values():
            if reader is not None:
                reader.trail.write()
        self.left = []
        return [Heard(one, rows.dumps(notification(one, *told)) if told else "") for one, told in found]


def _concerned(event: Event, bindings: Sequence[Binding], readers: Readers) -> list[tuple[Binding, News | None]]:
    """The bindings that a change is news for; None stands for the end of the Subscription itself."""
    found: list[tuple[Binding, News | None]] = []
    for one in bindings:
        own = ("Subscription", one.token.practice, one.token.subscription)
        if (event.type, event.practice, event.id) == own and not _renewed(one, _reader(one, readers)):
            found.append((one, None))
    concerned = [one for one in bindings if one.concerns(event)]
    row = news.state(event.practice, event.type, event.id, event.interaction) if concerned else None
    for one in concerned if row is not None else []:
        assert row is not None
        guard = _reader(one, readers) if news.possible(one.request, row.resource) else None
        resource = news.heard(guard, one.request, row.resource) if guard is not None else None
        if guard is not None and resource is not None:
            guard.trail.read("read", event.type, event.id, query=one.reference)
            found.append((one, (event, resource)))
    return found


def _reader(binding: Binding, readers: Readers) -> Guarded | None:
    key = (binding.token.practice, binding.token.membership)
    if key not in readers:
        readers[key] = news.reader(*key)
    return readers[key]


def _renewed(binding: Binding, guard: Guarded | None) -> bool:
    """Whether a Subscription that has changed goes on; it then asks for what it asks for now."""
    body = _running(binding.token, guard) if guard is not None else None
    if body is None:
        return False
    binding.request, binding.interactions = rules.criteria(body["criteria"]), rules.interactions(body)
    return True


# What is said


def notification(binding: Binding, event: Event, resource: Resource) -> Resource:
    """An event: the status first, then the resource as its reader sees it; a deletion without the resource."""
    binding.events += 1
    reference = f"{event.type}/{event.id}"
    method, status = METHODS[event.interaction]
    happened = {
        "eventNumber": str(binding.events),
        "timestamp": rows.instant(rows.now()),
        "focus": {"reference": reference},
    }
    entry: Resource = {"fullUrl": f"{settings.BASE_URL}/fhir/R4/{reference}"}
    if event.interaction != "delete":
        entry["resource"] = resource
    request = {"method": method, "url": event.type if method == "POST" else reference}
    entry |= {"request": request, "response": {"status": status}}
    return _bundle(binding, "event-notification", [entry], notificationEvent=[happened])


def handshake(binding: Binding) -> Resource:
    """Said once a socket is bound: from now on it hears."""
    return _bundle(binding, "handshake", [])


def heartbeat(binding: Binding) -> Resource:
    """Said now and then: it would hear, if there was anything."""
    return _bundle(binding, "heartbeat", [])


def _bundle(binding: Binding, kind: str, entries: list[Resource], **elements: object) -> Resource:
    """A Bundle whose first entry is the status, as R4 servers and Medplum's client have it.

    Source: https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/notifications.html
    """
    status = {
        "resourceType": "SubscriptionStatus",
        "id": str(uuid4()),
        "status": "active",
        "type": kind,
        "eventsSinceSubscriptionStart": str(binding.events),
        **elements,
        "subscription": {"reference": binding.reference},
    }
    first = {
        "fullUrl": f"urn:uuid:{status['id']}",
        "resource": status,
        "request": {"method": "GET", "url": f"{binding.reference}/$status"},
        "response": {"status": "200"},
    }
    about = {"resourceType": "Bundle", "id": str(uuid4()), "type": "history", "timestamp": rows.instant(rows.now())}
    return {**about, "entry": [first, *entries]}
