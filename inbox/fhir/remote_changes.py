"""What has changed on a remote server, found by asking for what was updated since; each version is given once.

A commit may become visible later than its time says, so every question reaches back a while, and what was seen
already is known by its version. Deletions by others are not found this way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Max, Min

from inbox.models import Outbox, RemoteVersion

from . import audit, outcome, place, remote_bundle, rows
from .client import Client
from .events import Change
from .types import Actor, Resource, deletion, split_reference
from .writes import SYSTEM, thread_of

TYPES = ("Communication", "Task")
OVERLAP = 30_000_000
"""Microseconds that every question reaches back."""
KEPT = 24 * 3600 * 1_000_000
"""Microseconds for which a version that was seen is remembered, beyond the overlap."""
STEP = "100"
MOST = 1_000
"""Changes that are looked at in one go."""


@dataclass
class Waiting:
    """A version that is looked at again: how often it was, and since when it is there."""

    at: int
    looks: int = 0


@dataclass
class Watch:
    """One practice on a remote server, as its worker follows it.

    `waiting` are versions that come again with the next question: because nobody here has said yet that they changed
    a thread (so that a line about it names who it was), or because what follows from them failed.
    """

    practice: int
    waiting: dict[tuple[str, str, str], Waiting] = field(default_factory=dict)

    def changes(self) -> Iterator[Change]:
        """What is new, oldest first. Call `done` for each change that was dealt with; the others come again."""
        client = place.system(self.practice)
        assert isinstance(client, Client)
        for type in TYPES:
            begun = self._begun(client, type)
            newest = RemoteVersion.objects.filter(practice=self.practice, type=type).aggregate(Max("at"))["at__max"]
            for resource in self._fresh(client, type, newest):
                yield from self._of(client, resource, max(begun, newest - OVERLAP - KEPT))

    def wait(self, change: Change) -> int:
        """Let a change come again; gives how often it did."""
        resource = change.resource
        found = self.waiting.setdefault(_key(resource), Waiting(_at(resource)))
        found.looks += 1
        return found.looks

    def done(self, change: Change) -> None:
        """Note a change as looked at, and tell whoever reads the outbox; both or neither."""
        resource = change.resource
        version = resource["meta"]["versionId"]
        self.waiting.pop(_key(resource), None)
        with transaction.atomic():
            self._note(resource)
            Outbox.objects.create(
                practice_id=self.practice,
                at=rows.now(),
                interaction=change.interaction,
                type=resource["resourceType"],
                fhir_id=resource["id"],
                version=int(version) if version.isdecimal() and len(version) < 10 else 0,
                thread=thread_of(resource).partition("/")[2],
            )

    def tidy(self) -> None:
        """Forget versions that no question reaches any more; the newest of each type stays, and when it began."""
        seen = RemoteVersion.objects.filter(practice=self.practice).exclude(fhir_id="")
        for type, newest in seen.values_list("type").annotate(Max("at")):
            seen.filter(type=type, at__lt=newest - OVERLAP - KEPT).delete()

    def _begun(self, client: Client, type: str) -> int:
        """When this worker began to look at a type: what was there before is nobody's news."""
        mine = RemoteVersion.objects.filter(practice=self.practice, type=type)
        begun = mine.filter(fhir_id="").aggregate(Min("at"))["at__min"]
        if begun is None:
            newest = client.search(type, [("_sort", "-_lastUpdated"), ("_count", "1")]).resources
            begun = max((_at(one) for one in newest), default=0)
            RemoteVersion.objects.create(practice_id=self.practice, type=type, at=begun)
        return int(begun)

    def _fresh(self, client: Client, type: str, newest: int) -> list[Resource]:
        """The resources whose present version was not seen yet, oldest change first, a thousand at most."""
        since = min([newest - OVERLAP, *(one.at for key, one in self.waiting.items() if key[0] == type)])
        mine = RemoteVersion.objects.filter(practice=self.practice, type=type, at__gte=since)
        seen = set(mine.values_list("fhir_id", "version"))
        asked = [
            ("_lastUpdated", f"ge{rows.instant(max(since, 0))[:19]}Z"),
            ("_sort", "_lastUpdated"),
            ("_count", STEP),
        ]
        found: list[Resource] = []
        for page in client.pages(type, asked):
            found += [one for one in page if (one["id"], one["meta"]["versionId"]) not in seen and _at(one) >= since]
            if len(found) >= MOST:
                break
        return found

    def _of(self, client: Client, resource: Resource, floor: int) -> Iterator[Change]:
        """The new versions of one resource, each with the one before it."""
        type, id = resource["resourceType"], resource["id"]
        versions = self._versions(client, resource) if type == "Communication" else [resource]
        mine = RemoteVersion.objects.filter(practice=self.practice, type=type, fhir_id=id)
        seen = set(mine.values_list("version", flat=True))
        before: Resource | None = None
        for version in versions:
            if deletion(version) and version is not resource:
                before = None
                continue
            number = version["meta"]["versionId"]
            if number not in seen and _at(version) > floor:
                change = self._change(client, version, before, known=bool(seen))
                if change is None:
                    return
                yield change
            before = version

    def _versions(self, client: Client, resource: Resource) -> list[Resource]:
        try:
            return client.history(resource["resourceType"], resource["id"])[::-1]
        except (outcome.NotFound, outcome.Gone):
            return [resource]

    def _change(self, client: Client, after: Resource, before: Resource | None, *, known: bool) -> Change | None:
        """One change and who made it; None when it is too early to say who."""
        type, id, version = after["resourceType"], after["id"], after["meta"]["versionId"]
        who = SYSTEM if remote_bundle.name_of(after) else audit.writer(self.practice, type, id, version)
        if who is None and before is not None and "partOf" not in after and type == "Communication":
            waiting = self.waiting.setdefault(_key(after), Waiting(_at(after)))
            waiting.looks += 1
            if waiting.looks == 1:
                return None
        person = client.raw(*split_reference(who)) if who and who != SYSTEM and before is not None else None
        actor = Actor(self.practice, who or "", display=rows.display_of(person) if person else "")
        return Change(actor, "update" if before is not None or known else "create", before, after)

    def _note(self, resource: Resource) -> None:
        RemoteVersion.objects.get_or_create(
            practice_id=self.practice,
            type=resource["resourceType"],
            fhir_id=resource["id"],
            version=resource["meta"]["versionId"],
            defaults={"at": _at(resource)},
        )


def _key(resource: Resource) -> tuple[str, str, str]:
    return resource["resourceType"], resource["id"], resource["meta"]["versionId"]


def _at(resource: Resource) -> int:
    return rows.micros(str(resource["meta"]["lastUpdated"]))
