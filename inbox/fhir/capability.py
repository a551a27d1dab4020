"""What a remote server can do, from its CapabilityStatement, and what is done here instead of what it can not.

A server that declares nothing about a part is taken to have it: then its own refusal tells.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .types import Resource

log = logging.getLogger(__name__)

NEEDED = {
    "Communication": (
        "_lastUpdated",
        "category",
        "identifier",
        "part-of",
        "recipient",
        "sender",
        "sent",
        "status",
        "subject",
    ),
    "Task": ("_lastUpdated", "code", "focus", "owner", "performer", "status"),
    "PractitionerRole": ("practitioner", "role"),
}
"""The search parameters that pages and policies live on."""
CONTROL = frozenset({"_id", "_lastUpdated"})
"""Parameters of every type, which servers often do not list."""


@dataclass(frozen=True)
class Note:
    """One thing that the server lacks, and what is done instead; `serious` when something can not be done at all."""

    missing: str
    instead: str
    serious: bool = False


@dataclass(frozen=True)
class Capability:
    """What was read from `metadata`; None stands for "says nothing about it"."""

    software: str = ""
    fhir_version: str = ""
    system: frozenset[str] | None = None
    types: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def has_system(self, interaction: str) -> bool:
        """Whether `transaction`, `batch` or `search-system` is there."""
        return self.system is None or interaction in self.system

    def has(self, type: str, interaction: str) -> bool:
        """Whether a type has an interaction such as `history-instance`."""
        if not self.types:
            return True
        declared = self.types.get(type, {}).get("interaction")
        return type in self.types and (declared is None or interaction in declared)

    def flag(self, type: str, name: str) -> bool:
        """Whether a boolean of a type, such as `conditionalCreate`, is not denied."""
        return self.types.get(type, {}).get(name) is not False

    def searches(self, type: str, code: str) -> bool:
        """Whether a type can be searched by a parameter."""
        declared = self.types.get(type, {}).get("searchParam")
        return declared is None or code in CONTROL or code in declared

    @property
    def writes(self) -> bool:
        """Whether anything may be written: a thread and its first message are one transaction, or there are none."""
        return self.has_system("transaction") and self.fhir_version.startswith("4.0")

    def notes(self) -> list[Note]:
        """Everything that is missing, in words for an administrator."""
        return [*self._whole(), *self._by_type()]

    def _whole(self) -> list[Note]:
        found = [Note("conditional references", "they are resolved by a search before the write")]
        if not self.fhir_version.startswith("4.0"):
            said = self.fhir_version or "nothing"
            found.append(Note(f"FHIR R4 (it says {said})", "nothing is written to this server", serious=True))
        if not self.has_system("transaction"):
            found.append(Note("transactions", "nothing is written to this server; reading works", serious=True))
        if not self.has_system("batch"):
            found.append(Note("batches", "searches are asked one by one, which is slower"))
        if not self.types:
            found.append(Note("a list of what it can do", "everything is tried; a refusal is shown as it comes"))
        return found

    def _by_type(self) -> list[Note]:
        found = []
        for type, codes in NEEDED.items() if self.types else ():
            if type not in self.types:
                found.append(Note(type, "pages that need it stay empty", serious=True))
                continue
            lacking = [code for code in codes if not self.searches(type, code)]
            if lacking:
                found.append(
                    Note(f"search of {type} by {', '.join(lacking)}", "more is read, and filtered here; this is slower")
                )
            if not self.has(type, "history-instance"):
                found.append(Note(f"history of {type}", "only the present version is shown"))
            if not self.flag(type, "conditionalCreate"):
                found.append(
                    Note(f"conditional create of {type}", "a search comes first; two at the same moment can make two")
                )
            if self.types[type].get("versioning") == "no-version":
                found.append(Note(f"versions of {type}", "two edits at the same moment can overwrite each other"))
        return found

    def log(self, base: str) -> None:
        """Say plainly what is missing, once, at the start."""
        log.warning("remote FHIR server %s (%s, FHIR %s)", base, self.software or "unnamed", self.fhir_version or "?")
        for note in self.notes():
            log.log(logging.ERROR if note.serious else logging.WARNING, "it has no %s: %s", note.missing, note.instead)


def parse(statement: Resource) -> Capability:
    """The capability that a CapabilityStatement declares, of whatever shape it is."""
    rest = next((one for one in _objects(statement, "rest") if one.get("mode") in (None, "server")), {})
    system = frozenset(str(one.get("code")) for one in _objects(rest, "interaction"))
    software = statement.get("software")
    named = software if isinstance(software, dict) else {}
    return Capability(
        software=" ".join(str(named[name]) for name in ("name", "version") if name in named)[:100],
        fhir_version=str(statement.get("fhirVersion") or ""),
        system=system or None,
        types={str(one["type"]): _of_type(one) for one in _objects(rest, "resource") if "type" in one},
    )


def _of_type(one: Mapping[str, Any]) -> Mapping[str, Any]:
    interactions = frozenset(str(each.get("code")) for each in _objects(one, "interaction"))
    params = frozenset(str(each.get("name")) for each in _objects(one, "searchParam"))
    known = {name: one[name] for name in ("conditionalCreate", "updateCreate", "versioning") if name in one}
    return {**known, "interaction": interactions or None, "searchParam": params or None}


def _objects(value: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = value.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
