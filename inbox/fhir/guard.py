"""Guarded: one actor's view of a repository. The only place where policy meets data.

Reads add the policy's criteria to the query. A write needs one entry that admits the whole of it, before and after.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from . import builtin, bundles, fhirpath, outcome, validate
from . import policy as policies
from .policy import Entry, hides
from .repository import Page, Write, Written
from .search import parse
from .sight import Sight
from .store import Store, conditional
from .types import Actor, Bundle, Params, Resource, split_reference


class Guarded(Sight):
    """The repository as one actor may see and change it (`Repository` of `repository.py`)."""

    # Reads

    def read(self, type: str, id: str) -> Resource:
        self._typed(type, "read")
        found = self._find(type, id, "read")
        self.trail.read("read", type, id, outcome="0" if found else "4")
        if found is None:
            raise self._absent(type, id)
        return found.resource

    def vread(self, type: str, id: str, version: str) -> Resource:
        for one in self._past(type, id, "vread"):
            if one["meta"]["versionId"] == version:
                return one
        raise outcome.NotFound()

    def history(self, type: str, id: str) -> list[Resource]:
        return self._past(type, id, "history")

    def _past(self, type: str, id: str, interaction: str) -> list[Resource]:
        """The versions of what may be read now and whose past is open by an entry with this interaction."""
        self._typed(type, "read")
        if self._find(type, id, "read") is None:
            raise self._absent(type, id)
        if self._find(type, id, interaction) is None:
            raise outcome.Forbidden("You may not read earlier versions of this.")
        self.trail.read(interaction, type, id)
        return self._versions(type, id, interaction)

    def search(self, type: str, params: Params) -> Page:
        self._typed(type, "search")
        request = parse(type, params)
        reach = self._searchable(request)
        found = self.store.find(request, reach.scope)
        self.trail.read("search", type, query="&".join(f"{name}={value}" for name, value in params))
        return Page([self._seen(reach, one).resource for one in found.rows], found.next, found.total)

    def newest(self, type: str, params: Params, *, per: str, targets: Iterable[str]) -> dict[str, Resource]:
        self._typed(type, "search")
        request = parse(type, params)
        reach = self._searchable(request, per)
        found = self.store.find_newest(request, reach.scope, per, list(targets))
        self.trail.read("search", type, query=f"newest per {per}")
        return {target: self._seen(reach, one).resource for target, one in found.items()}

    # Writes

    def create(self, resource: Resource, *, if_none_exist: str = "") -> Written:
        write = Write("POST", resource["resourceType"], resource=resource, if_none_exist=if_none_exist)
        return self.apply([write])[0]

    def update(self, resource: Resource, *, if_match: str = "") -> Written:
        write = Write("PUT", resource["resourceType"], resource.get("id", ""), resource, if_match)
        return self.apply([write])[0]

    def delete(self, type: str, id: str, *, if_match: str = "") -> None:
        self.apply([Write("DELETE", type, id, if_match=if_match)])

    def transaction(self, bundle: Bundle) -> Bundle:
        return self.store.atomically(lambda: self._transaction(bundle))

    def apply(self, writes: Sequence[Write]) -> list[Written]:
        """All writes or none; raises what the first one that is refused deserves."""
        try:
            return self.store.atomically(lambda: self._apply(writes))
        except outcome.FHIRError as error:
            first = writes[0]
            self.trail.read(
                "refused", first.type, first.id, query=first.method, outcome="4" if error.status < 500 else "8"
            )
            raise

    def _transaction(self, bundle: Bundle) -> Bundle:
        plan = bundles.plan(bundle, self._existing)
        return bundles.response(plan, self.apply(plan.writes))

    def _apply(self, writes: Sequence[Write]) -> list[Written]:
        self._pending.clear()
        done: list[Written | None] = []
        asked: list[Write] = []
        self.store.lock_parents([write.resource for write in writes if write.resource])
        self._threads.clear()
        for write in writes:
            existing = self._existing(write) if write.if_none_exist else None
            done.append(Written(existing, unchanged=True) if existing else None)
            if existing is None:
                asked.append(replace(write, id=write.id or str(uuid.uuid4()), if_none_exist=""))
        # All are known to each other, whatever their order: one that is refused refuses all.
        self._pending |= {
            f"{one.type}/{one.id}": one.resource for one in asked if one.method == "POST" and one.resource
        }
        allowed = [self._authorise(one) for one in asked]
        self._pending.clear()
        written = iter(self.store.apply(allowed))
        return [one or self._readable(next(written)) for one in done]

    def atomic(self) -> AbstractContextManager[None]:
        return self.store.atomic()

    # What may be done

    def may(self, interaction: str, type: str, resource: Resource | None = None) -> bool:
        """Whether the policy has this interaction on a type, or on this state of a resource (a create, a change)."""
        entries = self.policy.allowing(type, interaction)
        if resource is None or not entries:
            return bool(entries)
        if interaction == "create":
            return any(not self._judge(entry, None, resource) for entry in entries)
        writing = interaction in policies.WRITES
        return self._draft_rule(resource) and any(self._admits(one, resource, writing=writing) for one in entries)

    def may_search(self, type: str, *codes: str) -> bool:
        """Whether this actor may search a type by all of these parameters; hidden fields are searched by nobody."""
        return bool(self._searching(type, codes))

    def may_become(self, before: Resource, after: Resource) -> bool:
        """Whether the policy lets this actor change a resource from one state to another."""
        entries = self.policy.allowing(before["resourceType"], "update")
        return any(not self._judge(entry, before, after) for entry in entries)

    # Judging a write

    def _authorise(self, write: Write) -> Write:
        if write.method == "POST":
            return self._authorise_create(write)
        before, hidden = self._writable(write)
        if write.method == "DELETE":
            if not any(self._admits(e, before, writing=True) for e in self.policy.allowing(write.type, "delete")):
                raise outcome.Forbidden()
            return write
        return self._authorise_update(write, before, hidden)

    def _authorise_create(self, write: Write) -> Write:
        assert write.resource is not None
        self._typed(write.type, "create")
        reasons = [self._judge(entry, None, write.resource) for entry in self.policy.allowing(write.type, "create")]
        if all(reasons) and "thread" not in reasons:
            raise outcome.Forbidden()
        validate.validate({**write.resource, "id": write.id or "new"})
        self._known_references(None, write.resource)
        if all(reasons):
            raise outcome.Forbidden()
        builtin.check(None, write.resource, self._raw)
        return write

    def _writable(self, write: Write) -> tuple[Resource, frozenset[str]]:
        """The present state for an update or delete, and what the writer does not see of it.

        404 when it is hidden, 403 when the type may not be written, 412 when it is not the version that was seen.
        """
        if not self.policy.entries.get(write.type):
            raise outcome.Forbidden()
        seen = self._find(write.type, write.id, "read")
        if seen is None:
            if not self.policy.allowing(write.type, "read"):
                raise outcome.Forbidden()
            raise self._absent(write.type, write.id)
        self._typed(write.type, "delete" if write.method == "DELETE" else "update")
        before = self.store.raw(write.type, write.id)
        assert before is not None
        if write.if_match and write.if_match != before["meta"]["versionId"]:
            raise outcome.Stale()
        return before, seen.hidden

    def _authorise_update(self, write: Write, before: Resource, hidden: frozenset[str]) -> Write:
        assert write.resource is not None
        after = _with_hidden(before, {**write.resource, "id": write.id}, hidden)
        entries = self.policy.allowing(write.type, "update")
        reasons = [self._judge(entry, before, after) for entry in entries]
        if all(reasons):
            if "thread" in reasons:
                self._known_references(before, after)
                raise outcome.NotFound()
            readonly = [reason.removeprefix("readonly ") for reason in reasons if reason.startswith("readonly ")]
            if readonly:
                raise outcome.Unprocessable(
                    f"{readonly[0]} can not be changed.", expression=f"{write.type}.{readonly[0]}"
                )
            raise outcome.Forbidden()
        validate.validate(after)
        self._known_references(before, after)
        builtin.check(before, after, self._raw)
        return Write("PUT", write.type, write.id, after, write.if_match)

    def _judge(self, entry: Entry, before: Resource | None, after: Resource) -> str:
        """Empty when this entry admits the whole write, else why not.

        The reasons: `draft`, `before`, `after`, `constraint …`, `thread` (it does not resolve), `readonly x`.
        """
        if not self._draft_rule(after):
            return "draft"
        if before is not None and not self._admits(entry, before, writing=True):
            return "before"
        if not self._admits(entry, after, writing=True) and not _handed_over(entry, before, after):
            return "after"
        values, unresolved = self._variables(before, after)
        skipped = False
        for constraint in entry.constraints:
            if unresolved and "%thread" in constraint:
                skipped = True
            elif not fhirpath.holds(constraint, {**values, **self._lists(constraint)}):
                return f"constraint {constraint}"
        if before is not None:
            for name in entry.readonly:
                if _changed(before, after, name):
                    return f"readonly {name}"
        return "thread" if skipped else ""

    def _variables(self, before: Resource | None, after: Resource) -> tuple[dict[str, Any], str]:
        """`%before`, `%after`, `%thread`, and the parent's reference when it does not resolve for the writer."""
        thread: Any = []
        unresolved = ""
        for reference in builtin.parents(after):
            found = self._thread(reference)
            if found is not None:
                thread = found
            else:
                unresolved = reference
        return {"before": before or [], "after": after, "thread": thread}, unresolved

    def _lists(self, constraint: str) -> Mapping[str, Any]:
        names = set(policies.VARIABLE.findall(constraint)) & set(policies.LISTS)
        values = {name: self.parameters.values(name) for name in names}
        return {name: value[0] if len(value) == 1 else value for name, value in values.items()}

    def _known_references(self, before: Resource | None, after: Resource) -> None:
        """Every new reference leads to what the writer may know of; else it is unknown, like one that never was."""
        known = {*self._profiles, *self._pending, *self._named(before)}
        for parent in builtin.parents(after):
            thread = self._thread(parent)
            known |= {parent, *self._named(thread)} if thread else set()
        asked: dict[str, list[tuple[str, str]]] = {}
        places = [(path, reference.get("reference", "")) for path, reference, _ in validate.references(after)]
        for path, target in [*places, *((after["resourceType"], file) for file in builtin.files(after))]:
            type, id = split_reference(target)
            if type and f"{type}/{id}" not in known:
                asked.setdefault(type, []).append((path, id))
        for type, wanted in asked.items():
            found = {one["id"]: one for one in self._readable_ids(type, sorted({id for _, id in wanted}))}
            for path, id in wanted:
                if id not in found:
                    raise outcome.UnknownReference(f"Unknown reference {type}/{id}", expression=path)
                if found[id].get("active") is False:
                    raise outcome.Unprocessable(f"{type}/{id} is not active any more.", expression=path)

    def _raw(self, reference: str) -> Resource | None:
        return self._pending.get(reference) or self.store.raw(*split_reference(reference))

    def _existing(self, write: Write) -> Resource | None:
        """The one visible resource that a conditional create would repeat."""
        self.store.lock_condition(write.type, write.if_none_exist)
        self._typed(write.type, "search")
        request = conditional(write)
        reach = self._searchable(request)
        found = self.store.find(request, reach.scope).rows
        if len(found) > 1:
            raise outcome.MultipleMatches(f"{len(found)} resources match {write.if_none_exist}.")
        return self._seen(reach, found[0]).resource if found else None

    def _readable(self, written: Written) -> Written:
        """What became of a write, as the writer sees it; no body where they may not read it afterwards."""
        after = written.resource
        seen = self._view(after, "read") if after is not None else None
        if after is not None and seen is not None:
            self._threads[f"{after['resourceType']}/{after['id']}"] = after
        return Written(seen, written.created, written.unchanged)


def connect(actor: Actor, policy: Mapping[str, Any] | None) -> Guarded:
    """The embedded store under a policy; raises Invalid when the policy can not be enforced."""
    return Guarded(Store(actor), policies.compile(policy))


def _changed(before: Resource, after: Resource, name: str) -> bool:
    if name.endswith("[x]"):
        names = {one for one in {*before, *after} if one.startswith(name[:-3])}
        return any(before.get(one) != after.get(one) for one in names)
    return before.get(name) != after.get(name) or before.get(f"_{name}") != after.get(f"_{name}")


def _handed_over(entry: Entry, before: Resource | None, after: Resource) -> bool:
    """Whether an update that takes the resource out of the writer's scope changes only what may be handed over."""
    if before is None or not entry.handover:
        return False
    changed = {name for name in {*before, *after} - {"meta"} if before.get(name) != after.get(name)}
    return changed <= entry.handover


def _with_hidden(before: Resource, after: Resource, hidden: frozenset[str]) -> Resource:
    """The new state with what the writer does not see put back; giving a hidden field, right or wrong, is refused."""
    for name in after:
        if hides(hidden, name):
            raise outcome.Unprocessable(f"{name} can not be changed.", expression=f"{before['resourceType']}.{name}")
    return {**after, **{name: value for name, value in before.items() if hides(hidden, name)}}
