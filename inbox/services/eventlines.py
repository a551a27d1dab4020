"""Event lines: who did what to a thread, as Communications of category `event` that those who may know receive."""

import uuid
from typing import Any

from django.utils.translation import gettext as _

from inbox.fhir import builtin
from inbox.fhir.events import Change
from inbox.fhir.repository import Write
from inbox.fhir.types import Actor, Resource

from . import people, vocabulary


def follow(change: Change) -> list[Write]:
    """The event lines of one change of a thread header; none for its creation and for last activity."""
    before, after = change.before, change.after
    if before is None or after is None:
        return []
    return [
        _line(change.actor, after, before, code, people) for code, people in _happenings(change.actor, before, after)
    ]


def _happenings(actor: Actor, before: Resource, after: Resource) -> list[tuple[str, list[Resource]]]:
    """What a change of a header means to people: `(code, people concerned)`."""
    happened: list[tuple[str, list[Resource]]] = []
    if before["status"] != after["status"]:
        closed = after["status"] in CLOSED
        if closed != (before["status"] in CLOSED):
            happened.append(("closed" if closed else "reopened", []))
    was, now = set(builtin.recipients(before)), set(builtin.recipients(after))
    added = [one for one in after.get("recipient", []) if one.get("reference") in now - was]
    removed = [one for one in before.get("recipient", []) if one.get("reference") in was - now]
    if added:
        happened.append(("added", added))
    if removed:
        left = [one["reference"] for one in removed] == [actor.profile]
        happened.append(("left" if left else "removed", removed))
    if before.get("topic") != after.get("topic"):
        happened.append(("renamed", []))
    return happened


CLOSED = ("completed", "entered-in-error", "stopped")


LINES = uuid.UUID("5d8c3f0e-6a0b-4e7c-9a52-6c1f0f2f7b11")
"""The namespace of the ids of event lines: one change has one line, however often it is looked at."""


def _who(actor: Actor) -> Resource:
    return {"reference": actor.profile, **({"display": actor.display} if actor.display else {})}


def _line(actor: Actor, header: Resource, before: Resource, code: str, people: list[Resource]) -> Write:
    """The message of one event; its recipients are the participants before and after, without who did it."""
    references = {
        one["reference"]: one
        for one in [*before.get("recipient", []), *header.get("recipient", [])]
        if "reference" in one
    }
    gone = {one.get("reference") for one in people} if code in ("removed", "left") else set()
    recipients = [one for reference, one in references.items() if reference != actor.profile and reference not in gone]
    text = " ".join([code, *[one.get("display", "") for one in people]])
    id = str(uuid.uuid5(LINES, f"{header['id']} {header['meta']['versionId']} {code}"))
    carried: dict[str, Any] = {name: header[name] for name in ("subject", "topic") if name in header}
    line: dict[str, Any] = {
        "resourceType": "Communication",
        "id": id,
        "status": "in-progress",
        "category": [vocabulary.concept(vocabulary.CATEGORY, "event"), vocabulary.concept(EVENT, code)],
        **carried,
        "partOf": [{"reference": f"Communication/{header['id']}"}],
        **({"sender": _who(actor)} if actor.profile else {}),
        "sent": header["meta"]["lastUpdated"],
        "payload": [{"contentString": text}],
    }
    if recipients:
        line["recipient"] = recipients
    if people:
        line["about"] = [dict(one) for one in people]
    return Write("POST", "Communication", id, line)


EVENT = "https://fhir-inbox.example/thread-event"
"""Code system of what happened: closed, reopened, added, removed, left, renamed."""


def words(resource: Resource) -> tuple[str, str]:
    """An event line in plain words, and the icon that goes with it."""
    codes = [
        one.get("code")
        for concept in resource.get("category", [])
        for one in concept.get("coding", [])
        if one.get("system") == EVENT
    ]
    who = people.person(resource.get("sender", {})).name
    whom = ", ".join(one.get("display", "") for one in resource.get("about", []))
    sentences = {
        "closed": (_("%(who)s closed this"), "check"),
        "reopened": (_("%(who)s opened this again"), "open"),
        "added": (_("%(who)s added %(whom)s"), "user-plus"),
        "removed": (_("%(who)s removed %(whom)s"), "x"),
        "left": (_("%(who)s left"), "out"),
        "renamed": (_("%(who)s changed the topic"), "pencil"),
    }
    for code in codes:
        if code in sentences:
            sentence, icon = sentences[code]
            return sentence % {"who": who, "whom": whom}, icon
    text = " ".join(str(one.get("contentString", "")) for one in resource.get("payload", []))
    return f"{who}: {text}", "info"
