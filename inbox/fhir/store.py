"""The embedded store: one practice's resources in SQLite or PostgreSQL, without a guard."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction

from . import builtin, bundles, cursors, outcome, query, rows, sql, terms, versions
from .query import Scope
from .repository import Page, Write, Written
from .rows import Row
from .search import SearchRequest, parse
from .terms import PoolThreads
from .types import Actor, Bundle, Params, Resource, split_reference
from .writes import SYSTEM, Unit

T = TypeVar("T")
PAGE = 50
TRIES = 3


@dataclass(frozen=True)
class Found:
    """One row of a search: the whole resource, and which groups of the scope admit it."""

    resource: Resource
    groups: tuple[bool, ...] = ()


@dataclass(frozen=True)
class FoundPage:
    rows: list[Found]
    next: str = ""
    total: int | None = None


class Store:
    """A repository of one practice in which nothing is hidden: for the guard, and for the system actor.

    `trusted`: what is written comes from the system itself, so that names and validity are taken as they are.
    """

    def __init__(self, actor: Actor, *, trusted: bool = False) -> None:
        self.actor = actor
        self.trusted = trusted

    # Reads

    def read(self, type: str, id: str) -> Resource:
        row = self.last_version(type, id)
        if row is None:
            raise outcome.NotFound()
        if row.deleted:
            raise outcome.Gone()
        return row.resource

    def raw(self, type: str, id: str) -> Resource | None:
        """The current state, or None."""
        row = self.last_version(type, id)
        return row.resource if row is not None and not row.deleted else None

    def present(self, type: str, ids: Iterable[str]) -> list[Resource]:
        """The current states of those of these that exist, in one query."""
        found = rows.load(self.actor.practice, [(type, id) for id in ids])
        return [row.resource for row in found.values() if not row.deleted]

    def last_version(self, type: str, id: str) -> Row | None:
        """The row of a resource, deleted or not; a deleted one still has its last body."""
        return rows.load(self.actor.practice, [(type, id)]).get((type, id))

    def vread(self, type: str, id: str, version: str) -> Resource:
        return versions.version(self.actor.practice, type, id, version)

    def history(self, type: str, id: str) -> list[Resource]:
        return versions.history(self.actor.practice, type, id)

    def search(self, type: str, params: Params) -> Page:
        found = self.find(parse(type, params), None)
        return Page([one.resource for one in found.rows], found.next, found.total)

    def newest(self, type: str, params: Params, *, per: str, targets: Iterable[str]) -> dict[str, Resource]:
        found = self.find_newest(parse(type, params), None, per, list(targets))
        return {target: one.resource for target, one in found.items()}

    def find(self, request: SearchRequest, scope: Scope | None) -> FoundPage:
        """One page of what a scope admits, in one statement; one more when the total is asked for."""
        total = self._count(request, scope) if request.total or request.summary_count else None
        size = PAGE if request.count is None else request.count
        if request.summary_count or size == 0:
            return FoundPage([], total=total)
        by_id = query.sort_key(request).column == "fhir_id"
        after = cursors.decode(request.cursor, text=by_id) if request.cursor else None
        statement = query.page(self.actor.practice, request, scope, size + 1, after)
        found = sql.fetch(statement.text, statement.params) if statement.text else []
        more = len(found) > size
        next = cursors.encode(found[size - 1][7], found[size - 1][0]) if more else ""
        return FoundPage([_found(one) for one in found[:size]], next, total)

    def find_newest(
        self, request: SearchRequest, scope: Scope | None, per: str, targets: Sequence[str]
    ) -> dict[str, Found]:
        if not targets or (scope is not None and not scope.admits):
            return {}
        statement = query.newest(self.actor.practice, request, scope, per, targets)
        return {str(one[7]): _found(one) for one in sql.fetch(statement.text, statement.params)}

    def _count(self, request: SearchRequest, scope: Scope | None) -> int:
        statement = query.count(self.actor.practice, request, scope)
        return int(sql.fetch(statement.text, statement.params)[0][0]) if statement.text else 0

    # Writes

    def create(self, resource: Resource, *, if_none_exist: str = "") -> Written:
        return self.apply([Write("POST", resource["resourceType"], resource=resource, if_none_exist=if_none_exist)])[0]

    def update(self, resource: Resource, *, if_match: str = "") -> Written:
        return self.apply([Write("PUT", resource["resourceType"], resource["id"], resource, if_match)])[0]

    def delete(self, type: str, id: str, *, if_match: str = "") -> None:
        self.apply([Write("DELETE", type, id, if_match=if_match)])

    def transaction(self, bundle: Bundle) -> Bundle:
        return self.atomically(lambda: self._transaction(bundle))

    def apply(self, writes: Sequence[Write]) -> list[Written]:
        """All writes or none, with what follows from them."""
        return self.atomically(lambda: self._apply(writes)) if writes else []

    def _transaction(self, bundle: Bundle) -> Bundle:
        plan = bundles.plan(bundle, self._existing)
        return bundles.response(plan, self.apply(plan.writes))

    def _apply(self, writes: Sequence[Write]) -> list[Written]:
        self.lock_parents(write.resource for write in writes if write.resource and write.type == "Communication")
        found = [self._existing(write) if write.if_none_exist else None for write in writes]
        todo = [write for write, existing in zip(writes, found, strict=True) if existing is None]
        written = iter(Unit(self.actor, trusted=self.trusted).run(todo) if todo else [])
        return [Written(existing, unchanged=True) if existing else next(written) for existing in found]

    def _existing(self, write: Write) -> Resource | None:
        self.lock_condition(write.type, write.if_none_exist)
        condition = conditional(write)
        found = self.find(replace(condition, count=2), None).rows
        if len(found) > 1:
            raise outcome.MultipleMatches(f"{len(found)} resources match {write.if_none_exist}.")
        return found[0].resource if found else None

    def may(self, interaction: str, type: str, resource: Resource | None = None) -> bool:
        return True

    def may_search(self, type: str, *codes: str) -> bool:
        return True

    def may_become(self, before: Resource, after: Resource) -> bool:
        return True

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """One database transaction; a store that stays busy is an error that says so."""
        try:
            with rows.holding(), transaction.atomic():
                yield
        except OperationalError as error:
            if connection.in_atomic_block:
                raise
            raise outcome.Busy() from error
        except IntegrityError as error:
            raise outcome.Conflict("Somebody wrote the same at the same moment; try again.") from error

    def atomically(self, work: Callable[[], T]) -> T:
        """Do work in one transaction; again when the database could not put concurrent ones in an order."""
        for attempt in range(1, TRIES + 1):
            try:
                with self.atomic():
                    return work()
            except outcome.Busy as error:
                if connection.in_atomic_block or attempt == TRIES or not _out_of_order(error):
                    raise
            time.sleep(random.uniform(0.01, 0.05) * attempt)
        raise outcome.Busy()

    def lock_condition(self, type: str, condition: str) -> None:
        """Two conditional creates with the same condition wait for each other."""
        sql.lock(f"{self.actor.practice} {type}?{condition}")

    def lock_parents(self, resources: Iterable[Resource]) -> None:
        """Hold the threads that these writes belong to, so that who takes part does not change meanwhile."""
        parents = {split_reference(parent) for one in resources for parent in builtin.parents(one)}
        rows.lock(self.actor.practice, [key for key in parents if key[0]])

    def held(self, reference: str) -> Resource | None:
        """A resource that this transaction has locked; None when it has not, or when there is none."""
        row = rows.held(self.actor.practice, split_reference(reference))
        return row.resource if row is not None and not row.deleted else None

    # What policies ask for

    def roles(self, profile: str) -> list[str]:
        found = terms._roles(self.actor.practice, profile)
        return sorted({str(one[0]) for one in sql.fetch(found.text, found.params)})

    def pool_threads(self, profile: str) -> list[str]:
        found = terms._pool(self.actor.practice, PoolThreads(profile))
        return sorted({str(one[0]) for one in sql.fetch(found.text, found.params)})

    def acted_for(self, profiles: Sequence[str]) -> list[str]:
        """The patients of those among these RelatedPersons that are active today."""
        today = rows.instant(rows.now())
        found = rows.load(self.actor.practice, [split_reference(profile) for profile in profiles])
        active = [row.resource for row in found.values() if not row.deleted]
        return sorted(
            {
                one["patient"]["reference"]
                for one in active
                if one.get("active", True) and _within(one.get("period", {}), today) and "reference" in one["patient"]
            }
        )

    def contacts(self, patients: Sequence[str]) -> list[str]:
        """Whom these patients may write to: the members of their active care teams, their carers, their own doctor."""
        if not patients:
            return []
        either = ",".join(patients)
        teams = self.search("CareTeam", [("subject", either), ("status", "active")]).resources
        carers = self.search("RelatedPerson", [("patient", either), ("active", "true")]).resources
        persons = rows.load(self.actor.practice, [split_reference(one) for one in patients])
        found = [member.get("member", {}).get("reference") for team in teams for member in team.get("participant", [])]
        found += [f"RelatedPerson/{one['id']}" for one in carers]
        for row in persons.values():
            found += [one.get("reference") for one in row.resource.get("generalPractitioner", [])]
        return sorted({one for one in found if one and not one.startswith("Patient/")})


def system(practice: int) -> Store:
    """The store of the system actor."""
    return Store(Actor(practice, SYSTEM, (SYSTEM,)), trusted=True)


def conditional(write: Write) -> SearchRequest:
    """The search of a conditional create; one that names no condition would match everything."""
    request = parse(write.type, write.if_none_exist)
    if not request.conditions:
        raise outcome.Invalid("A conditional create needs a condition.", expression="ifNoneExist")
    return request


def _out_of_order(error: outcome.Busy) -> bool:
    """Whether PostgreSQL gave up this transaction for another one: a serialization failure or a deadlock."""
    cause = error.__cause__ and error.__cause__.__cause__
    return getattr(cause, "sqlstate", "") in ("40001", "40P01")


def _within(period: Resource, instant: str) -> bool:
    return str(period.get("start", ""))[:10] <= instant[:10] and (instant[:10] <= str(period.get("end", "9999"))[:10])


def _found(row: Sequence[Any]) -> Found:
    return Found(Row(*row[:7]).resource, tuple(bool(one) for one in row[8:]))
