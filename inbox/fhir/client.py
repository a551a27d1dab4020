"""A remote FHIR server as a back end: the same protocol as the embedded store, over HTTP.

Nothing is locked there. What a guard judged is written only if it still is the version that was judged; a create
under a condition carries the condition, so that the server settles a race.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

from . import (
    answers,
    builtin,
    bundles,
    conditional,
    outcome,
    patches,
    remote_bundle,
    remote_newest,
)
from .capability import Capability
from .remote_facts import PAST, Facts
from .remote_files import Files
from .remote_http import Server
from .remote_judge import Judge
from .remote_links import Links
from .remote_reads import Reads
from .remote_search import Search, Source
from .remote_writes import Moved, Writes
from .repository import Page, Write, Written
from .scope import Found, FoundPage, PastPage, Scope
from .search import SearchRequest, matches, parse
from .types import Actor, Bundle, Operations, Params, Resource, deletion, split_reference

T = TypeVar("T")
TRIES = 3
SOME = 40
"""Names in one question."""


@dataclass(frozen=True)
class Last:
    """The last version of a resource; a deleted one with the body that it had."""

    resource: Resource
    deleted: bool = False


class Client(Facts, Files):
    """One actor's view of a remote server in which nothing is hidden, for the guard and for the system actor.

    `known` gives what the server can do, when that is first needed. `trusted`: what is written comes from the
    system itself, so that names and validity are taken as they are.
    """

    def __init__(self, actor: Actor, server: Server, known: Callable[[], Capability], *, trusted: bool = False) -> None:
        self.actor = actor
        self.trusted = trusted
        self._reads = Reads(server, known, keep=bool(actor.request_id))
        self._writes = Writes(server, self._reads, actor, trusted)
        self._source = Source(self._reads.pages, self._reads.count, self._reads.present, known)
        self._unit: dict[tuple[str, str], Resource | None] | None = None
        self._conditions: list[tuple[str, str]] = []
        self._known_roles = {}

    # Reads

    def read(self, type: str, id: str) -> Resource:
        return self._reads.get(type, id)

    def raw(self, type: str, id: str) -> Resource | None:
        return self._reads.raw(type, id)

    def present(self, type: str, ids: Iterable[str]) -> list[Resource]:
        return self._reads.present(type, ids)

    def named(self, type: str, ids: Iterable[str]) -> dict[str, Resource]:
        wanted = sorted(set(ids))
        found: dict[str, Resource] = {}
        for start in range(0, len(wanted), SOME):
            some = wanted[start : start + SOME]
            params = [("identifier", ",".join(f"{remote_bundle.ID}|{id}" for id in some)), ("_count", str(PAST))]
            found |= {remote_bundle.name_of(one): one for one in self.search(type, params).resources}
        return found

    def locked(self, references: Iterable[str]) -> dict[str, Resource]:
        wanted: dict[str, list[str]] = {}
        for type, id in map(split_reference, references):
            wanted.setdefault(type, []).append(id)
        found: dict[str, Resource] = {}
        for type, ids in wanted.items():
            by_name = self.named(type, ids) if type == "Task" else {}
            there = {one["id"]: one for one in self.present(type, [id for id in ids if id not in by_name])}
            found |= {f"{type}/{id}": one for id, one in (by_name | there).items()}
        return found

    def last_version(self, type: str, id: str) -> Last | None:
        try:
            return Last(self._reads.get(type, id))
        except outcome.Gone:
            past = self._past(type, id)
            before = past[1:] if past and deletion(past[0]) else past
            return Last(before[0], deleted=True) if before else None
        except outcome.NotFound:
            return None

    def _past(self, type: str, id: str) -> list[Resource]:
        try:
            return self._reads.history(type, id)
        except (outcome.NotFound, outcome.Gone):
            return []

    def pages(self, type: str, params: Params) -> Iterator[list[Resource]]:
        """What the server finds, page by page, in its own order."""
        return self._reads.pages(type, params)

    def past_of_type(self, type: str, count: int, cursor: str) -> PastPage:
        raise outcome.Invalid("The history of a whole type is not offered with a remote server.")

    def type_history(self, type: str, *, count: int, cursor: str = "") -> Page:
        return Page([one.version for one in self.past_of_type(type, count, cursor).versions])

    def vread(self, type: str, id: str, version: str) -> Resource:
        for one in self._reads.history(type, id):
            if one.get("meta", {}).get("versionId") == version:
                if deletion(one):
                    raise outcome.Gone()
                return one
        raise outcome.NotFound()

    def history(self, type: str, id: str) -> list[Resource]:
        return self._reads.history(type, id)

    def search(self, type: str, params: Params, *, lenient: bool = False) -> Page:
        request = parse(type, params, lenient=lenient)
        found = self.find(request, None)
        return answers.page(request, found, [one.resource for one in found.rows], self._each)

    def _each(self, asked: Sequence[SearchRequest], limit: int) -> list[list[Resource]]:
        found = self.find_each([(one, None) for one in asked], limit)
        return [[one.resource for one in rows] for rows in found]

    def newest(self, type: str, params: Params, *, per: str, targets: Iterable[str]) -> dict[str, Resource]:
        found = self.find_newest(parse(type, params), None, per, list(targets))
        return {target: one.resource for target, one in found.items()}

    def find(self, request: SearchRequest, scope: Scope | None) -> FoundPage:
        return self._search(request, scope).page()

    def find_each(self, asked: Sequence[tuple[SearchRequest, Scope | None]], limit: int) -> list[list[Found]]:
        return [self._search(replace(one, count=limit), scope).page().rows for one, scope in asked]

    def find_newest(
        self, request: SearchRequest, scope: Scope | None, per: str, targets: Sequence[str]
    ) -> dict[str, Found]:
        if not targets or (scope is not None and not scope.admits):
            return {}
        return remote_newest.newest(self._search(request, scope), self._reads, per, targets)

    def _search(self, request: SearchRequest, scope: Scope | None) -> Search:
        roles = cache(self.roles)
        judge = Judge(
            lambda reference: self.raw(*split_reference(reference)),
            roles,
            cache(lambda profile: self.threads_for(roles(profile))),
        )
        links = Links(request.links, scope.linked if scope is not None else (), judge, self.find, self.present)
        return Search(request, judge.scope(scope) if scope is not None else None, judge, self._source, links)

    # Writes

    def create(self, resource: Resource, *, if_none_exist: str = "") -> Written:
        return self.apply([Write("POST", resource["resourceType"], resource=resource, if_none_exist=if_none_exist)])[0]

    def update(self, resource: Resource, *, if_match: str = "", where: str = "") -> Written:
        id = "" if where else resource["id"]
        return self.apply([Write("PUT", resource["resourceType"], id, resource, if_match, where=where)])[0]

    def patch(self, type: str, id: str, operations: Operations, *, if_match: str = "", where: str = "") -> Written:
        return self.apply([Write("PATCH", type, id, if_match=if_match, where=where, operations=operations)])[0]

    def delete(self, type: str, id: str, *, if_match: str = "", where: str = "") -> None:
        self.apply([Write("DELETE", type, id, if_match=if_match, where=where)])

    def transaction(self, bundle: Bundle) -> Bundle:
        return self.atomically(lambda: bundles.transaction(self, bundle))

    def batch(self, bundle: Bundle) -> Bundle:
        return bundles.batch(self, bundle)

    def apply(self, writes: Sequence[Write]) -> list[Written]:
        return self.atomically(lambda: self._apply(writes)) if writes else []

    def _apply(self, writes: Sequence[Write]) -> list[Written]:
        chosen = {(one.type, one.id) for one in writes if self.trusted and one.method == "POST" and one.id}
        settled = conditional.settle(writes, self)
        self.lock([one.write for one in settled if one.write is not None])
        asked = [self._asked(one.write) for one in settled if one.write is not None]
        asked = [remote_bundle.named(one) if (one.type, one.id) in chosen else one for one in asked]
        written = iter(self._writes.run(asked, self._judged))
        return [
            next(written) if one.write is not None else Written(one.existing, unchanged=one.existing is not None)
            for one in settled
        ]

    def _asked(self, write: Write) -> Write:
        """A patch as the update that it comes to; a create with the condition of this unit that it meets itself.

        Deleting what is not there is an error, which not every server finds.
        """
        with outcome.within(write.place):
            if write.operations is not None:
                before = self.read(write.type, write.id)
                if write.if_match and write.if_match != before["meta"]["versionId"]:
                    raise outcome.Stale()
                return replace(write, method="PUT", resource=patches.apply(before, write.operations), operations=None)
            if write.method == "DELETE":
                self.read(write.type, write.id)
        if write.method == "POST" and write.resource is not None:
            for type, condition in self._conditions:
                request = conditional.request(type, condition)
                if not request.links and matches(request, write.resource):
                    return replace(write, if_none_exist=condition)
        return write

    def _judged(self, write: Write) -> str:
        """The version of a resource that this unit has looked at."""
        seen = (self._unit or {}).get((write.type, write.id))
        return str(seen["meta"].get("versionId", "")) if seen else ""

    # Units of work

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """What is read inside is read anew, and once; each write inside is a transaction by itself."""
        if self._unit is not None:
            yield
            return
        try:
            with self._reads.unit() as self._unit:
                yield
        finally:
            self._unit, self._conditions = None, []
            self._reads.forget_all()

    def atomically(self, work: Callable[[], T]) -> T:
        if self._unit is not None:
            return work()
        for _ in range(TRIES - 1):
            try:
                with self.atomic():
                    return work()
            except Moved:
                continue
        with self.atomic():
            return work()

    def lock_condition(self, type: str, condition: str) -> None:
        self._conditions.append((type, condition))

    def match(self, type: str, condition: str) -> Resource | None:
        """The one resource that meets a condition; raises MultipleMatches."""
        found = self.find(conditional.request(type, condition), None).rows
        if len(found) > 1:
            raise outcome.MultipleMatches(f"Several resources match {type}?{condition}")
        return found[0].resource if found else None

    def free(self, type: str, id: str) -> bool:
        """Whether an id was never used: servers choose the ids of what is new."""
        return False

    def lock(self, writes: Iterable[Write]) -> None:
        """Read what these writes change and the threads they belong to, in few questions."""
        wanted: dict[str, set[str]] = {}
        for write in writes:
            parents = builtin.parents(write.resource) if write.resource else []
            own = [f"{write.type}/{write.id}"] if write.method != "POST" and write.id else []
            for type, id in map(split_reference, [*parents, *own]):
                if type:
                    wanted.setdefault(type, set()).add(id)
        for type, ids in wanted.items():
            self._reads.present(type, sorted(ids))

    def held(self, reference: str) -> Resource | None:
        return (self._unit or {}).get(split_reference(reference))

    # What may be done

    def may(self, interaction: str, type: str, resource: Resource | None = None) -> bool:
        return True

    def may_search(self, type: str, *codes: str) -> bool:
        return True

    def may_become(self, before: Resource, after: Resource) -> bool:
        return True
