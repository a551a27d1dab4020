"""Rules that stand above every policy: drafts are their sender's, notes stay with staff, a message's life one-way."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.conf import settings

from . import outcome
from .types import Resource, split_reference

LIFE = {
    "preparation": {"preparation", "in-progress"},
    "in-progress": {"in-progress", "completed", "entered-in-error"},
    "completed": {"completed", "entered-in-error"},
    "entered-in-error": {"entered-in-error"},
}
STAFF = ("Practitioner/", "PractitionerRole/")
FILE = "Binary"
PATH = "/fhir/R4"
"""Where our own API is, below BASE_URL."""


def draft_visible(resource: Resource, profiles: Sequence[str]) -> bool:
    """A Communication of status `preparation` exists for its sender alone."""
    if resource["resourceType"] != "Communication" or resource.get("status") != "preparation":
        return True
    return sent_by(resource, profiles)


def sent_by(resource: Resource, profiles: Sequence[str]) -> bool:
    """Whether one of these profiles wrote a message."""
    return resource.get("sender", {}).get("reference") in profiles


def retracted(resource: Resource) -> bool:
    """Whether a message was taken back: its earlier versions are its sender's, and of those who oversee."""
    message = resource["resourceType"] == "Communication" and "partOf" in resource
    return message and resource.get("status") == "entered-in-error"


def files(resource: Resource) -> list[str]:
    """The files (`Binary/…`) that a resource carries: addresses of attachments, contents of payloads."""
    return sorted({f"{FILE}/{id}" for type, id in map(split_reference, _urls(resource)) if type == FILE})


def _urls(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _urls(one)
    elif isinstance(value, dict):
        content = value.get("contentReference")
        for url in (value.get("url"), content.get("reference") if isinstance(content, dict) else None):
            if isinstance(url, str):
                yield _below(url)
        for one in value.values():
            if isinstance(one, dict | list):
                yield from _urls(one)


def _below(url: str) -> str:
    """An address below our own base as a relative one; any other as it is."""
    return url.removeprefix(settings.BASE_URL).removeprefix(f"{PATH}/")


def is_internal(resource: Resource) -> bool:
    """Whether a Communication is an internal note: one of its categories has the code `internal`."""
    return has_category(resource, "internal")


def has_category(resource: Resource, code: str) -> bool:
    return any(one.get("code") == code for concept in resource.get("category", []) for one in concept.get("coding", []))


def recipients(resource: Resource | None) -> list[str]:
    """The references of a Communication's recipients."""
    return references_in(resource or {}, "recipient")


def parents(resource: Resource) -> list[str]:
    """The thread that a message (`partOf`) or a Task (`focus`) names, however wrong the rest of it may be."""
    named = resource.get({"Communication": "partOf", "Task": "focus"}.get(resource["resourceType"], ""))
    found = [one.get("reference") for one in (named if isinstance(named, list) else [named]) if isinstance(one, dict)]
    return [one for one in found if one and isinstance(one, str)]


def check(before: Resource | None, after: Resource, raw: Callable[[str], Resource | None]) -> None:
    """Raise Unprocessable when a Communication breaks a rule; `raw` gives the present state of a reference.

    Forbidden for a file whose `securityContext` changes: only the system says which message a file belongs to.
    """
    moved = before is not None and before.get("securityContext") != after.get("securityContext")
    if after["resourceType"] == FILE and moved:
        raise outcome.Forbidden("What a file belongs to can not be changed.")
    if after["resourceType"] != "Communication":
        return
    if len(after.get("partOf", [])) > 1:
        raise outcome.Unprocessable("A message belongs to one thread.", expression="Communication.partOf")
    if before is not None and ("partOf" in before) != ("partOf" in after):
        raise outcome.Unprocessable(
            "A thread and a message do not become each other.", expression="Communication.partOf"
        )
    if before is not None and "partOf" in before and after.get("status") not in LIFE.get(before["status"], set()):
        raise outcome.Unprocessable(
            f"A message does not go from {before['status']} to {after['status']}.", expression="Communication.status"
        )
    for name in ("recipient", "sender", "subject"):
        for one in references_in(after, name):
            if not all(split_reference(one)):
                raise outcome.UnknownReference(f"Unknown reference {one}", expression=f"Communication.{name}")
    _in_thread(before, after, raw)
    _notes(after, raw)


def references_in(resource: Resource, element: str) -> list[str]:
    """The references of one element, a single one or a list."""
    value = resource.get(element, [])
    return [one["reference"] for one in (value if isinstance(value, list) else [value]) if one.get("reference")]


def _in_thread(before: Resource | None, after: Resource, raw: Callable[[str], Resource | None]) -> None:
    """A message is part of a thread: what a draft or another message lets somebody read opens nothing to write to."""
    draft = after.get("status") == "preparation"
    sent = before is not None and before.get("status") == "preparation" and not draft
    if before is not None and not sent and parents(before) == parents(after):
        return
    for parent in parents(after):
        header = raw(parent)
        if header is not None and not _is_thread(header, draft):
            raise outcome.Unprocessable("A message belongs to a thread.", expression="Communication.partOf")


def _is_thread(resource: Resource, draft: bool) -> bool:
    started = draft or resource.get("status") != "preparation"
    return resource["resourceType"] == "Communication" and "partOf" not in resource and started


def _notes(after: Resource, raw: Callable[[str], Resource | None]) -> None:
    outside = [one for one in recipients(after) if not one.startswith(STAFF)]
    if is_internal(after) and outside:
        raise outcome.Unprocessable("An internal note goes to staff only.", expression="Communication.recipient")
    for answered in after.get("inResponseTo", []) if outside else []:
        original = raw(answered.get("reference", ""))
        if original is not None and is_internal(original):
            raise outcome.Unprocessable(
                "What patients receive can not answer an internal note.", expression="Communication.inResponseTo"
            )
