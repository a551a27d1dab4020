"""The world on the embedded store, and its people."""

import json
from pathlib import Path
from typing import Any

import pytest

from inbox import fhir, models
from inbox.fhir.guard import Guarded
from inbox.fhir.store import Store
from inbox.fhir.types import Actor, Resource

from . import world
from .people import Person

POLICIES = Path(fhir.__file__).parent / "policies"


def shipped(name: str) -> Resource | None:
    """A policy as it is shipped; None for the empty name."""
    found: Resource = json.loads((POLICIES / f"{name}.json").read_text(encoding="utf-8")) if name else {}
    return found or None


SHIPPED = {name: shipped(name) for name in sorted({policy for *_, policy in world.PEOPLE.values()})}


class Clinic:
    """The world on the embedded store: people by name, and what the system knows and does."""

    def __init__(self, practices: dict[int, int]) -> None:
        self._practices = practices
        self.policies = dict(SHIPPED)

    def __getitem__(self, name: str) -> Person:
        number, profile, profiles, policy = world.PEOPLE[name]
        return self.person(self.policies[policy], profile, *profiles, practice=number)

    def person(self, policy: Resource | None, profile: str, *profiles: str, practice: int = 1) -> Person:
        """Somebody under a policy of one's own."""
        actor = Actor(self._practices[practice], profile, profiles or (profile,))

        def connect() -> Guarded:
            return fhir.connect(actor, policy)

        return Person(connect)

    def system(self, practice: int = 1) -> Store:
        return fhir.system(self._practices[practice])

    def current(self, reference: str) -> Resource:
        found = self.system().raw(*reference.split("/"))
        assert found is not None
        return found

    def put(self, resource: Resource) -> str:
        """What the system writes."""
        self.system().update(resource)
        return f"{resource['resourceType']}/{resource['id']}"

    def change(self, reference: str, **elements: Any) -> None:
        """The system sets elements of a resource; None takes one away."""
        found = {**self.current(reference), **elements}
        self.put({name: value for name, value in found.items() if value is not None})

    def all_of(self, type: str, practice: int = 1) -> list[Resource]:
        return self.system(practice).search(type, [("_count", "1000")]).resources


MODELS: list[Any] = [
    models.Practice,
    models.AccessPolicy,
    models.Resource,
    models.Version,
    models.Content,
    models.ReferenceIndex,
    models.TokenIndex,
    models.StringIndex,
    models.DateIndex,
]
_rows: list[tuple[Any, list[Any]]] = []


@pytest.fixture
def clinic(db: None) -> Clinic:
    """The world as it was made. It is loaded once; later tests get its rows back as they were."""
    if not _rows:
        _load()
        _rows.extend((model, list(model.objects.all())) for model in MODELS)
    else:
        for model, rows in _rows:
            model.objects.bulk_create(rows)
    first, second = (models.Practice.objects.get(fhir_id=one).pk for one in ("P1", "P2"))
    return Clinic({1: first, 2: second})


def _load() -> None:
    first, second = fhir.create_practice("P1", "Springfield"), fhir.create_practice("P2", "Shelbyville")
    earlier, later = world.second_versions()
    fhir.bulk_load(first, [world.stamped(one) for one in (*world.springfield(), earlier)])
    fhir.bulk_load(first, [later])
    fhir.bulk_load(second, [world.stamped(one) for one in world.shelbyville()])
