"""People of the world on the store in memory, under any policy."""

from functools import cache
from typing import Any, cast

from inbox.fhir import policy as policies
from inbox.fhir.guard import Guarded
from inbox.fhir.store import Store
from inbox.fhir.types import Actor, Resource

from . import world
from .memory import Memory, MemoryStore
from .people import Person


@cache
def memory(practice: int) -> Memory:
    if practice == 2:
        return Memory(world.shelbyville())
    organization: Resource = world.resource("Organization", "P1", active=True, name="Springfield")
    return Memory([organization, *world.springfield(), *world.second_versions()])


def person(name: str, policy: Any) -> Person:
    """Somebody under a policy, shipped or not."""
    practice, profile, profiles, _ = world.PEOPLE[name]
    store = cast("Store", MemoryStore(Actor(practice, profile, profiles), memory(practice)))
    compiled = policies.compile(policy)
    return Person(lambda: Guarded(store, compiled))
