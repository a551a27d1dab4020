"""The embedded store: one practice's resources in SQLite or PostgreSQL, without a guard."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction

from . import (
    answers,
    builtin,
    bundles,
    conditional,
    cursors,
    facts,
    files,
    outcome,
    patches,
    query,
    rows,
    sql,
    versions,
)
from .repository import Content, Page, Upload, Write, Written
from .rows import Row
from .scope import Found, FoundPage, PastPage, Scope
from .search import SearchRequest, parse
from .types import Actor, Bundle, Operations, Params, Resource, split_reference
from .writes import SYSTEM, Unit

T = TypeVar("T")
PAGE = 50
TRIES = 3


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

    def named(self, type: str, ids: Iterable[str]) -> dict[str, Resource]:
        return {one["id"]: one for one in self.present(type, ids)}

    def locked(self, references: Iterable[str]) -> dict[str, Resource]:
        found = rows.lock(self.actor.practice, [split_reference(one) for one in references])
        return {f"{type}/{id}": row.resource for (type, id), row in found.items() if not row.deleted}

    def last_version(self, type: str, id: str) -> Row | None:
        """The row of a resource, deleted or not; a deleted one still has its last body."""
        return rows.current(self.actor.practice, (type, id))

    def vread(self, type: str, id: str, version: str) -> Resource:
        return versions.version(self.actor.practice, type, id, version)

    def history(self, type: str, id: str) -> list[Resource]:
        return versions.history(self.actor.practice, type, id)

    def past_of_type(self, type: str, count: int, cursor: str) -> PastPage:
        return versions.of_type(self.actor.practice, type, count, cursor)

    def type_history(self, type: str, *, count: int, cursor: str = "") -> Page:
        found = self.past_of_type(type, count, cursor)
        return Page([one.version for one in found.versions], found.next)

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
        """One page of what a scope admits, in one statement; one more when the total is asked for."""
        total = self._count(request, scope) if request.total or request.summary_count else None
        size = PAGE if request.count is None else request.count
        if request.summary_count or size == 0:
            return FoundPage([], total=total)
        width = len(request.sort) or 1
        context = f"{self.actor.practice} {request.type} {request.sort}"
        after = cursors.decode(context, request.cursor) if request.cursor else None
        statement = query.page(self.actor.practice, request, scope, size + 1, after)
        found = sql.fetch(statement.text, statement.params) if statement.text else []
        more = len(found) > size
        next = cursors.encode(context, [*found[size - 1][7 : 7 + width], found[size - 1][0]]) if more else ""
        return FoundPage([_found(one[:7], one[7 + width :]) for one in found[:size]], next, total)

    def find_each(self, asked: Sequence[tuple[SearchRequest, Scope | None]], limit: int) -> list[list[Found]]:
        """The first rows of each of these searches, in one statement."""
        statement = query.pages(self.actor.practice, asked, limit)
        found: list[list[Found]] = [[] for _ in asked]
        for row in sql.fetch(statement.text, statement.params) if statement.text else ():
            scope = asked[row[0]][1]
            # Rows are as wide as the widest search needs.
            found[row[0]].append(_found(row[1:8], row[9 : 9 + len(scope.groups if scope is not None else ())]))
        return found

    def find_newest(
        self, request: SearchRequest, scope: Scope | None, per: str, targets: Sequence[str]
    ) -> dict[str, Found]:
        if not targets or (scope is not None and not scope.admits):
            return {}
        statement = query.newest(self.actor.practice, request, scope, per, targets)
        return {str(one[7]): _found(one[:7], one[8:]) for one in sql.fetch(statement.text, statement.params)}

    def _count(self, request: SearchRequest, scope: Scope | None) -> int:
        statement = query.count(self.actor.practice, request, scope)
        return int(sql.fetch(statement.text, statement.params)[0][0]) if statement.text else 0

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

    def upload(self, resource: Resource, upload: Upload, *, if_match: str = "") -> Written:
        with self.staged(upload) as staged:
            return self.apply([file_write(resource, staged, if_match)])[0]

    def download(self, id: str, version: str = "") -> tuple[Resource, Content]:
        resource = self.vread(builtin.FILE, id, version) if version else self.read(builtin.FILE, id)
        return resource, files.content(self.actor.practice, id, version)

    def uploader(self, id: str) -> str:
        return files.uploader(self.actor.practice, id)

    def staged(self, upload: Upload) -> AbstractContextManager[Upload]:
        return files.staged(upload)

    def transaction(self, bundle: Bundle) -> Bundle:
        return self.atomically(lambda: bundles.transaction(self, bundle))

    def batch(self, bundle: Bundle) -> Bundle:
        return bundles.batch(self, bundle)

    def apply(self, writes: Sequence[Write]) -> list[Written]:
        """All writes or none, with what follows from them."""
        return self.atomically(lambda: self._apply(writes)) if writes else []

    def _apply(self, writes: Sequence[Write]) -> list[Written]:
        settled = conditional.settle(writes, self)
        asked = [one.write for one in settled if one.write is not None]
        self.lock(asked)
        todo = [self._patched(one) if one.operations is not None else one for one in asked]
        written = iter(Unit(self.actor, trusted=self.trusted).run(todo) if todo else [])
        return [
            next(written) if one.write is not None else Written(one.existing, unchanged=one.existing is not None)
            for one in settled
        ]

    def _patched(self, write: Write) -> Write:
        """A patch as the update that it comes to."""
        with outcome.within(write.place):
            before = self.read(write.type, write.id)
            if write.if_match and write.if_match != before["meta"]["versionId"]:
                raise outcome.Stale()
            return replace(write, method="PUT", resource=patches.apply(before, write.operations or []), operations=None)

    def match(self, type: str, condition: str) -> Resource | None:
        """The one resource that meets a condition; raises MultipleMatches."""
        found = self.find(conditional.request(type, condition), None).rows
        if len(found) > 1:
            raise outcome.MultipleMatches(f"Several resources match {type}?{condition}")
        return found[0].resource if found else None

    def free(self, type: str, id: str) -> bool:
        """Whether an id was never used."""
        return self.last_version(type, id) is None

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
            with rows.holding(), files.undoing(), transaction.atomic():
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

    def lock(self, writes: Iterable[Write]) -> None:
        """Hold what these writes change and the threads they belong to, so that neither changes meanwhile."""
        some = list(writes)
        parents = {split_reference(one) for write in some if write.resource for one in builtin.parents(write.resource)}
        changed = {(write.type, write.id) for write in some if write.method != "POST"}
        rows.lock(self.actor.practice, [key for key in parents | changed if key[0]])

    def held(self, reference: str) -> Resource | None:
        """A resource that this transaction has locked; None when it has not, or when there is none."""
        row = rows.held(self.actor.practice, split_reference(reference))
        return row.resource if row is not None and not row.deleted else None

    # What policies ask for

    def roles(self, profile: str) -> list[str]:
        return facts.roles(self.actor.practice, profile)

    def pool_threads(self, profile: str) -> list[str]:
        return facts.pool_threads(self.actor.practice, profile)

    def acted_for(self, profiles: Sequence[str]) -> list[str]:
        return facts.acted_for(self.actor.practice, profiles)

    def contacts(self, patients: Sequence[str]) -> list[str]:
        return facts.contacts(self.actor.practice, patients, lambda type, by: self.search(type, by).resources)


def system(practice: int) -> Store:
    """The store of the system actor."""
    return Store(Actor(practice, SYSTEM, (SYSTEM,)), trusted=True)


def file_write(resource: Resource, upload: Upload, if_match: str) -> Write:
    """The write of a file: a new one where it has no id."""
    method = "PUT" if "id" in resource else "POST"
    return Write(method, builtin.FILE, resource.get("id", ""), resource, if_match, upload=upload)


def _out_of_order(error: outcome.Busy) -> bool:
    """Whether PostgreSQL gave up this transaction for another one: a serialization failure or a deadlock."""
    cause = error.__cause__ and error.__cause__.__cause__
    return getattr(cause, "sqlstate", "") in ("40001", "40P01")


def _found(row: Sequence[Any], groups: Sequence[Any]) -> Found:
    return Found(Row(*row).resource, tuple(bool(one) for one in groups))
