"""Every shipped policy with one line taken out, and the probe that notices: `python -m tests.access.mutants`.

A line that no probe notices is either not needed, because another rule says the same (`EQUIVALENT`), or not tested.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from inbox.fhir.types import Resource

Entry = dict[str, Any]


_NOT_GONE = "message-read admits all but what is retracted, with the same fields"
EQUIVALENT = {
    "clinician/thread-read: criterion part-of:missing=true": "message-read admits the messages anyway",
    "clinician/message-read: criterion part-of:missing=false": "thread-read admits the threads anyway",
    "clinician/own-draft: criterion sender=%profile": "the guard itself keeps drafts for their sender",
    "patient/own-draft: criterion sender=%profile": "the guard itself keeps drafts for their sender",
    "clinician/tombstone-read: criterion status=entered-in-error": _NOT_GONE,
    "patient/tombstone-read: criterion status=entered-in-error": _NOT_GONE,
    "carer/tombstone-read: criterion status=entered-in-error": _NOT_GONE,
    "carer/message-write: constraint %after.subject.empty() or %after.subject.reference = %patient": (
        "the criterion subject=%patient says more"
    ),
}
"""Lines that nobody would miss, and why."""


@dataclass(frozen=True)
class Mutant:
    """A policy without one thing: `name` is policy, entry and what is missing."""

    policy: str
    entry: str
    missing: str
    body: Resource

    @property
    def name(self) -> str:
        return f"{self.policy}/{self.entry}: {self.missing}"


def mutants(name: str, policy: Resource) -> Iterator[Mutant]:
    """All policies that lack one line of this one."""
    entries = policy["resource"]
    for index, entry in enumerate(entries):
        for missing, changed in _without_one(entry):
            rest = [changed] if changed else []
            body = {**policy, "resource": [*entries[:index], *rest, *entries[index + 1 :]]}
            yield Mutant(name, entry.get("id", entry["resourceType"]), missing, body)


def _without_one(entry: Entry) -> Iterator[tuple[str, Entry | None]]:
    yield "the entry", None
    for constraint in entry.get("writeConstraint", []):
        kept = [one for one in entry["writeConstraint"] if one is not constraint]
        yield f"constraint {constraint['expression']}", {**entry, "writeConstraint": kept}
    for field in ("hiddenFields", "readonlyFields", "handover", "criteria", "follows"):
        if field in entry:
            yield field, {name: value for name, value in entry.items() if name != field}
    for interaction in entry.get("interaction", []) if len(entry.get("interaction", [])) > 1 else []:
        yield f"{interaction}", {**entry, "interaction": [one for one in entry["interaction"] if one != interaction]}
    type, _, query = entry.get("criteria", "").partition("?")
    parts = query.split("&")
    for part in parts if len(parts) > 1 else []:
        yield f"criterion {part}", {**entry, "criteria": f"{type}?{'&'.join(one for one in parts if one != part)}"}


def noticed_by(mutant: Mutant) -> str:
    """The first probe that answers otherwise under a mutant; empty when none does."""
    from .judges import person
    from .probes import PROBES

    for probe in PROBES:
        if probe.policy == mutant.policy and probe.ask(person(probe.who, mutant.body)) != probe.expected:
            return str(probe)
    return ""


def main() -> int:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inbox.settings")
    django.setup()
    from .conftest import SHIPPED

    every = [one for name, policy in SHIPPED.items() if policy for one in mutants(name, policy)]
    alive = [one.name for one in every if not noticed_by(one)]
    for name in alive:
        sys.stdout.write(f"{name}\n")
    untested = set(alive) - set(EQUIVALENT)
    sys.stdout.write(f"{len(every)} mutants: {len(alive)} change no answer, {len(untested)} of them without a reason\n")
    return int(bool(untested))


if __name__ == "__main__":
    sys.exit(main())
