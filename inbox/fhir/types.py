"""The words that the repository speaks: resources, references, actors."""

from dataclasses import dataclass, field
from typing import Any

Resource = dict[str, Any]
"""A FHIR resource as parsed JSON; decimals are `decimal.Decimal`, so that their precision survives."""

Bundle = dict[str, Any]

Operations = list[dict[str, Any]]
"""JSON Patch (RFC 6902): `[{"op": "add", "path": "/note/-", "value": {"text": "Called back"}}]`."""

Params = list[tuple[str, str]]
"""Search parameters in order, decoded: `[("part-of:missing", "true"), ("_sort", "-_lastUpdated")]`."""


@dataclass(frozen=True)
class Actor:
    """Who acts: one FHIR profile in one practice.

    `profile` is a reference (`Practitioner/alice`); `profiles` are all profiles of the same account in this
    practice, the acting one included (a carer has one RelatedPerson for each patient). `membership` is a key for
    `members.reconnect`: by it background work acts later as the same one, if they still may.
    """

    practice: int
    profile: str
    profiles: tuple[str, ...] = ()
    display: str = ""
    request_id: str = field(default="", compare=False)
    membership: str = field(default="", compare=False)

    @property
    def kind(self) -> str:
        """The resource type of the profile, such as `Practitioner`."""
        return self.profile.partition("/")[0]


def split_reference(reference: str) -> tuple[str, str]:
    """`"Patient/1"` or `"Patient/1/_history/2"` as `("Patient", "1")`; `("", "")` for anything else."""
    parts = reference.split("/")
    if len(parts) in (2, 4) and parts[0][:1].isupper() and parts[0].isalpha():
        return parts[0], parts[1]
    return "", ""


class Deletion(dict[str, Any]):
    """The version of a resource that deleted it: `resourceType`, `id` and `meta`."""


def deletion(version: Resource) -> bool:
    """Whether a version is the one that deleted the resource; one that holds nothing else is not."""
    return isinstance(version, Deletion)
