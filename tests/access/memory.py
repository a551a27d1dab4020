"""A store in memory that never changes: what the guard asks for, answered from lists. For thousands of judgements."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from inbox.fhir import builtin, rows
from inbox.fhir.repository import Write, Written
from inbox.fhir.scope import Admit, Found, FoundPage, Scope
from inbox.fhir.search import Condition, ReferenceValue, SearchRequest, TokenValue, matches
from inbox.fhir.terms import PoolThreads, RoleCodes
from inbox.fhir.types import Actor, Resource

from . import world

T = TypeVar("T")


class Memory:
    """One practice: the versions of each resource, oldest first."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.versions: dict[str, list[Resource]] = {}
        for one in resources:
            kept = self.versions.setdefault(f"{one['resourceType']}/{one['id']}", [])
            meta = {"versionId": str(len(kept) + 1), "lastUpdated": world.BEFORE, **one.get("meta", {})}
            kept.append({**one, "meta": meta})
        self.cache: dict[tuple[object, ...], list[str]] = {}
        self.matched: dict[tuple[Any, ...], bool] = {}

    def current(self, reference: str) -> Resource | None:
        found = self.versions.get(reference)
        return found[-1] if found else None

    def of(self, type: str) -> list[Resource]:
        return [found[-1] for found in self.versions.values() if found[-1]["resourceType"] == type]

    @cached_property
    def by_type(self) -> dict[str, list[Resource]]:
        types = {one.partition("/")[0] for one in self.versions}
        return {type: self.of(type) for type in types}


@dataclass(frozen=True)
class Last:
    """What there is of a resource; nothing is ever deleted here."""

    resource: Resource
    deleted: bool = False


class MemoryStore:
    """What `Guarded` uses of a store. A write is judged and answered, and leaves no trace."""

    def __init__(self, actor: Actor, memory: Memory) -> None:
        self.actor = actor
        self.memory = memory

    # Reads

    def raw(self, type: str, id: str) -> Resource | None:
        return self.memory.current(f"{type}/{id}")

    def last_version(self, type: str, id: str) -> Last | None:
        found = self.raw(type, id)
        return Last(found) if found else None

    def uploader(self, id: str) -> str:
        return ""

    def held(self, reference: str) -> Resource | None:
        return None

    def history(self, type: str, id: str) -> list[Resource]:
        return self.memory.versions.get(f"{type}/{id}", [])[::-1]

    def find(self, request: SearchRequest, scope: Scope | None) -> FoundPage:
        assert scope is not None
        wanted = [one for one in request.conditions if one.param.code == "_id"]
        ids = [value.code for one in wanted for value in one.values if isinstance(value, TokenValue)]
        some = [self.raw(request.type, str(id)) for id in ids] if wanted else self.memory.by_type.get(request.type, [])
        found = []
        for one in some:
            if one is not None and self._meets(one, request.conditions) and self._within(one, scope):
                groups = tuple(any(self._admits(admit, one) for admit in group) for group in scope.groups)
                found.append(Found(one, groups))
        return FoundPage(found, total=len(found))

    def _within(self, resource: Resource, scope: Scope) -> bool:
        own = builtin.draft_visible(resource, scope.profiles)
        return own and any(self._admits(admit, resource) for admit in scope.admits)

    def _admits(self, admit: Admit, resource: Resource) -> bool:
        if not self._meets(resource, admit.conditions):
            return False
        return not admit.follows or any(
            self._admits(one, parent)
            for target, admits in admit.followed
            for parent in self._parents(resource, admit.follows, target)
            for one in admits
        )

    def _parents(self, resource: Resource, code: str, type: str) -> Iterator[Resource]:
        element = resource.get(code, [])
        for one in element if isinstance(element, list) else [element]:
            found = self.memory.current(one.get("reference", ""))
            if found is not None and found["resourceType"] == type:
                yield found

    def _meets(self, resource: Resource, conditions: Sequence[Condition]) -> bool:
        return all(self._meets_one(resource, one) for one in conditions)

    def _meets_one(self, resource: Resource, condition: Condition) -> bool:
        key = (id(resource), condition)
        if key not in self.memory.matched:
            values = [one for value in condition.values for one in self._computed(condition, value)]
            request = SearchRequest(resource["resourceType"], (replace(condition, values=tuple(values)),))
            self.memory.matched[key] = matches(request, resource)
        return self.memory.matched[key]

    def _computed(self, condition: Condition, value: object) -> list[Any]:
        """`%roles` and `%poolThreads`, which the real store computes in SQL."""
        if isinstance(value, RoleCodes):
            return [TokenValue(None, one) for one in self.roles(value.profile)]
        if isinstance(value, PoolThreads):
            threads = self.pool_threads(value.profile)
            if condition.param.code == "_id":
                return [TokenValue(None, one.partition("/")[2]) for one in threads]
            return [ReferenceValue((one,)) for one in threads]
        return [value]

    # Writes

    def apply(self, writes: Sequence[Write]) -> list[Written]:
        return [self._written(write) for write in writes]

    def _written(self, write: Write) -> Written:
        if write.resource is None:
            return Written(None)
        meta = {"versionId": "9", "lastUpdated": rows.instant(rows.now())}
        return Written({**write.resource, "id": write.id, "meta": meta}, created=write.method == "POST")

    def atomically(self, work: Callable[[], T]) -> T:
        return work()

    def lock(self, writes: Iterable[Write]) -> None:
        pass

    def lock_condition(self, type: str, condition: str) -> None:
        pass

    # What policies ask for, told by the elements themselves

    def roles(self, profile: str) -> list[str]:
        return self._once("roles", profile, self._roles)

    def pool_threads(self, profile: str) -> list[str]:
        return self._once("pools", profile, self._pools)

    def _once(self, what: str, profile: str, compute: Any) -> list[str]:
        if (what, profile) not in self.memory.cache:
            self.memory.cache[what, profile] = compute(profile)
        return self.memory.cache[what, profile]

    def _roles(self, profile: str) -> list[str]:
        mine = [one for one in self.memory.of("PractitionerRole") if one["practitioner"]["reference"] == profile]
        active = [one for one in mine if one.get("active") is not False]
        return sorted({found for one in active for concept in one.get("code", []) for found in _codes(concept)})

    def _pools(self, profile: str) -> list[str]:
        mine = set(self.roles(profile))
        threads = set()
        for one in self.memory.of("Task"):
            wanted = {found for concept in one.get("performerType", []) for found in _codes(concept)}
            unclaimed = one["status"] == "requested" and "owner" not in one
            if "focus" in one and unclaimed and wanted & mine and "read-receipt" not in _codes(one["code"]):
                threads.add(one["focus"]["reference"])
        return sorted(threads)

    def acted_for(self, profiles: Sequence[str]) -> list[str]:
        found = [self.memory.current(one) for one in profiles]
        return sorted({one["patient"]["reference"] for one in found if one and one["active"]})

    def contacts(self, patients: Sequence[str]) -> list[str]:
        found = set()
        for team in self.memory.of("CareTeam"):
            if team.get("status") == "active" and team["subject"]["reference"] in patients:
                found |= {one["member"]["reference"] for one in team["participant"]}
        for carer in self.memory.of("RelatedPerson"):
            if carer["active"] and carer["patient"]["reference"] in patients:
                found.add(f"RelatedPerson/{carer['id']}")
        return sorted(found)


def _codes(concept: Resource) -> list[str]:
    return [one["code"] for one in concept.get("coding", [])]
