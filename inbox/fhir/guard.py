"""Guarded: one actor's view of a repository. The only place where policy meets data.

Reads add the policy's criteria to the query. A write needs one entry that admits the whole of it, before and after.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from . import builtin, bundles, fhirpath, logic, outcome, searchparams, validate
from . import policy as policies
from .audit import Trail
from .parameters import Parameters
from .policy import Entry, Policy, hides, visible
from .query import Admit, Scope
from .repository import Page, Write, Written
from .search import SearchRequest, matches, parse
from .store import Found, Store, conditional
from .types import Actor, Bundle, Params, Resource, split_reference


@dataclass(frozen=True)
class Reach:
    """How far a search reaches: its scope for the store, and what each group of the scope hides."""

    scope: Scope
    hidden: tuple[frozenset[str], ...]

    def hides(self, found: Found) -> frozenset[str]:
        """The fields that every group which admits a row hides."""
        if not found.groups:
            return self.hidden[0]
        return frozenset.intersection(*(one for one, admits in zip(self.hidden, found.groups, strict=True) if admits))


@dataclass(frozen=True)
class Seen:
    """A resource as an actor sees it, and the fields that are hidden from them."""

    resource: Resource
    hidden: frozenset[str]


class Guarded:
    """The repository as one actor may see and change it (`Repository` of `repository.py`)."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self.actor: Actor = store.actor
        self.store = store
        self.policy = policy
        self.trail = Trail(store.actor)
        self.parameters = Parameters(store.actor, store)
        self._threads: dict[str, Resource | None] = {}
        self._pending: dict[str, Resource] = {}

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

    def may_become(self, before: Resource, after: Resource) -> bool:
        """Whether the policy lets this actor change a resource from one state to another."""
        entries = self.policy.allowing(before["resourceType"], "update")
        return any(not self._judge(entry, before, after) for entry in entries)

    def admits(self, resource: Resource) -> bool:
        """Whether this actor's policy admits a resource for reading, judged by the resource alone."""
        return self._view(resource, "read") is not None

    def _typed(self, type: str, interaction: str) -> None:
        if type == builtin.FILE and interaction == "search":
            raise outcome.Invalid("Files are not searched.", expression=type)
        if not self.policy.allowing(type, interaction):
            self.trail.read("refused", type, query=interaction, outcome="4")
            raise outcome.Forbidden()

    # Reading, inside

    def _reach(self, entries: Sequence[Entry]) -> Reach:
        """Everything that these entries admit, entries grouped by what they hide."""
        groups: dict[frozenset[str], list[Admit]] = {}
        for entry in entries:
            admit = self._admit(entry)
            if admit is not None:
                groups.setdefault(entry.hidden, []).append(admit)
        admits = tuple(admit for group in groups.values() for admit in group)
        needed = tuple(tuple(group) for group in groups.values()) if len(groups) > 1 else ()
        return Reach(Scope(admits, self._profiles, needed), tuple(groups))

    def _admit(self, entry: Entry) -> Admit | None:
        conditions = self.parameters.conditions(entry, in_sql=True)
        if conditions is None:
            return None
        if not entry.follows:
            return Admit(conditions)
        followed = []
        for target in searchparams.targets(entry.type, entry.follows):
            steps = [self._admit(one) for one in self.policy.allowing(target, "read") if not one.follows]
            if any(steps):
                followed.append((target, tuple(one for one in steps if one is not None)))
        return Admit(conditions, entry.follows, tuple(followed)) if followed else None

    def _searchable(self, request: SearchRequest, *used: str) -> Reach:
        """How far a search reaches: by the entries that hide nothing of what is searched or sorted by.

        Where none is left it is an error, so that nothing leaks. `used` names parameters used besides.
        """
        entries = self.policy.allowing(request.type, "search")
        for code in (*used, *(one.param.code for one in request.conditions), *(code for code, _ in request.sort)):
            elements = searchparams.elements(request.type, code)
            entries = [one for one in entries if not any(hides(one.hidden, element) for element in elements)]
            if not entries:
                raise outcome.Invalid(f"You may not search by “{code}”.", expression=code)
        plain = next((one for one in entries if self._covers(one, request)), None)
        return self._reach([plain] if plain else entries)

    def _covers(self, entry: Entry, request: SearchRequest) -> bool:
        """Whether an entry admits all that a search can find, and hides nothing of it: then no other one matters."""
        if entry.hidden or entry.follows:
            return False
        conditions = self.parameters.conditions(entry, in_sql=True)
        return conditions is not None and logic.implied(conditions, request.conditions)

    def _seen(self, reach: Reach, found: Found) -> Seen:
        """The resource without what every entry that admits it hides."""
        hidden = reach.hides(found)
        seen = visible(found.resource, hidden)
        if seen["resourceType"] == "Communication":
            self._threads[f"Communication/{seen['id']}"] = found.resource
        return Seen(seen, hidden)

    def _find(self, type: str, id: str, interaction: str) -> Seen | None:
        """What this actor sees of one resource, or None."""
        entries = self.policy.allowing(type, interaction)
        request = parse(type, [("_id", id)]) if validate.valid_id(id) else None
        if request is None or not entries:
            return None
        reach = self._reach(entries)
        found = self.store.find(request, reach.scope).rows
        if not found or not self._file_rule(found[0].resource):
            return None
        return self._seen(reach, found[0])

    def _file_rule(self, resource: Resource) -> bool:
        """A file is read while a version of its message that this actor may read points to it."""
        if resource["resourceType"] != builtin.FILE:
            return True
        carrier = split_reference(resource.get("securityContext", {}).get("reference", ""))
        if carrier[0] != "Communication" or (now := self._find(*carrier, "read")) is None:
            return False
        versions = self._versions(*carrier, "history") if self._find(*carrier, "history") else [now.resource]
        return any(f"{builtin.FILE}/{resource['id']}" in builtin.files(one) for one in versions)

    def _absent(self, type: str, id: str) -> outcome.FHIRError:
        """Gone for those who could read the last version, else the same as an id that never was."""
        last = self.store.last_version(type, id)
        if last is not None and last.deleted and self.admits(last.resource):
            return outcome.Gone()
        return outcome.NotFound()

    def _versions(self, type: str, id: str, interaction: str) -> list[Resource]:
        """The versions that this actor may see, each judged by itself, newest first."""
        versions = self.store.history(type, id)
        closed = bool(versions) and builtin.retracted(versions[0]) and not builtin.sent_by(versions[0], self._profiles)
        found = [
            one
            if set(one) <= {"resourceType", "id", "meta"}
            else self._view(one, interaction, impersonal=closed and not builtin.retracted(one))
            for one in versions
        ]
        return [one for one in found if one is not None]

    def _view(self, resource: Resource, interaction: str, *, impersonal: bool = False) -> Resource | None:
        """A state as this actor may see it, judged by itself; `impersonal` asks for entries that name no person."""
        if not self._draft_rule(resource):
            return None
        entries = [e for e in self.policy.allowing(resource["resourceType"], interaction) if self._admits(e, resource)]
        hidden = [one.hidden for one in entries if not (impersonal and one.personal)]
        return visible(resource, frozenset.intersection(*hidden)) if hidden else None

    # Judging in memory

    def _admits(self, entry: Entry, resource: Resource, *, writing: bool = False) -> bool:
        conditions = self.parameters.conditions(entry, in_sql=False)
        if conditions is None or not matches(SearchRequest(entry.type, conditions), resource):
            return False
        if not writing and not self._file_rule(resource):
            return False
        return not entry.follows or self._followed(entry, resource, writing)

    def _followed(self, entry: Entry, resource: Resource, writing: bool) -> bool:
        for _, target in searchparams.references(resource, entry.follows):
            type, id = split_reference(target)
            parent = self._pending.get(target) or self.store.raw(type, id)
            interaction = "update" if writing else "read"
            steps = [one for one in self.policy.allowing(type, interaction) if not one.follows]
            if parent is not None and any(self._admits(one, parent, writing=writing) for one in steps):
                return True
        return False

    def _draft_rule(self, resource: Resource) -> bool:
        return builtin.draft_visible(resource, self._profiles)

    @property
    def _profiles(self) -> tuple[str, ...]:
        return tuple(self.parameters.profiles)

    # Writing, inside

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

    def _thread(self, reference: str) -> Resource | None:
        """The header that a message or Task names, if the writer may read it."""
        if reference in self._pending:
            return self._pending[reference]
        if reference not in self._threads:
            held = self.store.held(reference)
            if held is not None:
                self._threads[reference] = held if self.admits(held) else None
            else:
                type, id = split_reference(reference)
                seen = self._find(type, id, "read") if type else None
                self._threads[reference] = self._threads.get(reference) if seen else None
        return self._threads[reference]

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

    def _readable_ids(self, type: str, ids: Sequence[str]) -> Iterator[Resource]:
        entries = self.policy.allowing(type, "read")
        ids = [id for id in ids if validate.valid_id(id)]
        if entries and ids:
            request = parse(type, [("_id", ",".join(ids)), ("_count", "1000")])
            for found in self.store.find(request, self._reach(entries).scope).rows:
                if self._file_rule(found.resource):
                    yield found.resource

    def _named(self, resource: Resource | None) -> set[str]:
        """The references and files in what this actor sees of a resource."""
        seen = self._view(resource, "read") if resource is not None else None
        if seen is None:
            return set()
        references = {"/".join(split_reference(one[1].get("reference", ""))) for one in validate.references(seen)}
        return references | set(builtin.files(seen))

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
