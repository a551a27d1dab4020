"""The world, loaded once for all tests of this folder; each test takes back what it did.

The tests do not use pytest-django's `db`: the world stays inside one outer transaction of our own.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction

from inbox import fhir
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


@contextmanager
def taken_back() -> Iterator[None]:
    """A transaction on every database that is rolled back."""
    with ExitStack() as stack:
        for alias in connections:
            stack.enter_context(transaction.atomic(using=alias))
        yield
        for alias in connections:
            transaction.set_rollback(True, using=alias)


@pytest.fixture(scope="package")
def loaded(django_db_setup: None, django_db_blocker: Any) -> Iterator[Clinic]:
    with django_db_blocker.unblock(), taken_back():
        first, second = fhir.create_practice("P1", "Springfield"), fhir.create_practice("P2", "Shelbyville")
        everything = [*world.springfield(), *world.second_versions()[:1]]
        fhir.bulk_load(first, [world.stamped(one) for one in everything])
        fhir.bulk_load(first, world.second_versions()[1:])
        fhir.bulk_load(second, [world.stamped(one) for one in world.shelbyville()])
        yield Clinic({1: first.pk, 2: second.pk})


@pytest.fixture
def clinic(loaded: Clinic, django_db_blocker: Any) -> Iterator[Clinic]:
    with django_db_blocker.unblock(), taken_back():
        yield loaded


@pytest.fixture
def someone(clinic: Clinic) -> Callable[[str], Person]:
    return clinic.__getitem__
