"""One person of the world at one of the two stores: every call is a new request, answered as its HTTP status."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from inbox.fhir import outcome
from inbox.fhir.guard import Guarded
from inbox.fhir.policy import OURS
from inbox.fhir.r4data import RESOURCE_TYPES
from inbox.fhir.repository import Written
from inbox.fhir.types import Params, Resource, split_reference

Change = Callable[[Resource], None]

INTERACTIONS = {
    "read": "r",
    "vread": "v",
    "search": "s",
    "history": "h",
    "create": "c",
    "update": "u",
    "delete": "d",
    "history-type": "t",
}
TYPES = sorted(RESOURCE_TYPES | OURS)


@dataclass(frozen=True)
class Person:
    """What somebody gets for an answer; `connect` opens their guarded repository, anew for each request."""

    connect: Callable[[], Guarded]

    def read(self, reference: str) -> Resource:
        return self.connect().read(*split_reference(reference))

    def search(self, type: str, *params: tuple[str, str]) -> list[str]:
        """The ids found, all pages, in alphabetic order."""
        found: list[str] = []
        cursor: Params = []
        while True:
            page = self.connect().search(type, [*params, *cursor])
            found += [one["id"] for one in page.resources]
            if not page.next:
                return sorted(found)
            cursor = [("_cursor", page.next)]

    def create(self, resource: Resource, **options: str) -> Written:
        return self.connect().create(copy.deepcopy(resource), **options)

    def update(self, reference: str, change: Change, *, if_match: str = "") -> Written:
        """Change what this person sees of a resource; what they do not see they change blindly."""
        guard = self.connect()
        type, id = split_reference(reference)
        try:
            seen = copy.deepcopy(guard.read(type, id))
        except outcome.FHIRError:
            seen = {"resourceType": type, "id": id}
        change(seen)
        return guard.update(seen, if_match=if_match)

    # The same as status codes

    def reads(self, *references: str) -> int | list[int]:
        found = [status(lambda one=one: self.read(one)) for one in references]
        return found[0] if len(found) == 1 else found

    def can(self, reference: str) -> bool:
        return self.reads(reference) == 200

    def shows(self, reference: str) -> set[str]:
        """The elements that are shown, or nothing where the answer is an error."""
        try:
            return set(self.read(reference)) - {"resourceType", "id", "meta"}
        except outcome.FHIRError:
            return set()

    def versions(self, reference: str) -> list[str] | int:
        """The versions in the history, newest first, or the status of the refusal."""
        try:
            return [one["meta"]["versionId"] for one in self.connect().history(*split_reference(reference))]
        except outcome.FHIRError as error:
            return error.status

    def vread(self, reference: str, version: str) -> int:
        return status(lambda: self.connect().vread(*split_reference(reference), version))

    def may(self) -> dict[str, str]:
        """The interactions open on each type at all, by their letters."""
        guard = self.connect()
        found = {type: "".join(INTERACTIONS[one] for one in INTERACTIONS if guard.may(one, type)) for type in TYPES}
        return {type: letters for type, letters in found.items() if letters}

    def finds(self, type: str, *params: tuple[str, str]) -> list[str] | int:
        try:
            return self.search(type, *params)
        except outcome.FHIRError as error:
            return error.status

    def creates(self, resource: Resource) -> int:
        return status(lambda: self.create(resource), created=True)

    def puts(self, resource: Resource) -> int:
        return status(lambda: self.connect().update(copy.deepcopy(resource)))

    def updates(self, reference: str, change: Change | None = None, *, if_match: str = "", **elements: Any) -> int:
        """Set elements (None takes one away), or carry out a change of one's own."""
        return status(lambda: self.update(reference, change or setting(**elements), if_match=if_match))

    def deletes(self, reference: str) -> int:
        return status(lambda: self.connect().delete(*split_reference(reference)))


def setting(**elements: Any) -> Change:
    """A change that sets these elements; None takes one away."""

    def change(resource: Resource) -> None:
        for name, value in elements.items():
            element = name.removesuffix("_") if name in ("for_", "class_") else name
            resource.pop(element, None)
            if value is not None:
                resource[element] = value

    return change


def status(call: Callable[[], object], *, created: bool = False) -> int:
    """The HTTP status that the outcome of a call stands for."""
    try:
        call()
    except outcome.FHIRError as error:
        return error.status
    return 201 if created else 200
