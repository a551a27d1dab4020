"""Judging a write: one entry of the policy must admit the whole of it, before and after.

Nothing is written here: `guard.py` writes what comes out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import builtin, fhirpath, outcome, patches, validate
from . import policy as policies
from .policy import Entry, hides
from .repository import Write
from .sight import Seen, Sight
from .types import Resource, split_reference

BATCH = 500
"""How many ids one search asks for."""

CONDITIONAL = {"POST": ("create",), "PUT": ("update", "create"), "PATCH": ("update",), "DELETE": ("delete",)}
"""What a write by a condition may turn out to be."""

Named = tuple[str, str, str]
"""A reference as (FHIRPath, type, id)."""


@dataclass(frozen=True)
class Judged:
    """A write as it would be done. `refusal` is raised once it is sure that the writer knows all it refers to."""

    write: Write
    before: Resource | None
    refusal: outcome.FHIRError | None = None


class Judging(Sight):
    """One actor's hands: what of a transaction they may do."""

    def _allowed(self, writes: Sequence[Write]) -> list[Write]:
        """The same writes as updates and creates that may be done; one that is refused refuses all."""
        new = [one.method == "POST" or self._creates(one) for one in writes]
        for one, created in zip(writes, new, strict=True):
            with outcome.within(one.place):
                self._acceptable(one, created)
        # All are known to each other, whatever their order.
        self._pending |= {
            f"{one.type}/{one.id}": one.resource
            for one, created in zip(writes, new, strict=True)
            if created and one.resource
        }
        judged = []
        for one, created in zip(writes, new, strict=True):
            with outcome.within(one.place):
                judged.append(self._judged_create(one) if created else self._judged(one))
        self._known_references(judged)
        for done in judged:
            with outcome.within(done.write.place):
                self._finish(done)
        return [one.write for one in judged]

    def _creates(self, write: Write) -> bool:
        """Whether an update is of an id that was never used, or of what was deleted, and may create it."""
        if write.method != "PUT" or write.if_match or not self._chooses_ids(write.type):
            return False
        last = self.store.last_version(write.type, write.id)
        return last is None or (last.deleted and self.admits(last.resource))

    def _chooses_ids(self, type: str) -> bool:
        """Whether this actor may name new ids: only who may read the whole type, or a taken id would show itself."""
        entries = self.policy.allowing(type, "read") if type != builtin.FILE else []
        return bool(self.policy.allowing(type, "create")) and any(
            not one.criteria and not one.follows for one in entries
        )

    def _judged(self, write: Write) -> Judged:
        before, seen = self._writable(write)
        if write.method == "DELETE":
            if not any(self._admits(e, before, writing=True) for e in self.policy.allowing(write.type, "delete")):
                raise outcome.Forbidden()
            return Judged(_seen_at(write, before), before)
        if write.operations is not None:
            # On what the writer sees, so that a patch tells nothing about what they do not.
            write = replace(write, resource=patches.apply(seen.resource, write.operations), operations=None)
            self.store.lock([write])
        return self._judged_update(write, before, seen.hidden)

    def _conditional(self, write: Write) -> None:
        """Who may not write a type at all is told so, whether a condition matches or not."""
        wanted = CONDITIONAL[write.method] if write.condition else ()
        if wanted and not any(self.policy.allowing(write.type, one) for one in wanted):
            self._typed(write.type, wanted[0])

    def _acceptable(self, write: Write, created: bool) -> None:
        """Before anything is judged by what a new resource holds, it must be a valid one of a type that may be made."""
        if created:
            assert write.resource is not None
            self._typed(write.type, "create")
            validate.validate({**write.resource, "id": write.id or "new"})

    def _judged_create(self, write: Write) -> Judged:
        assert write.resource is not None
        reasons = [self._judge(entry, None, write.resource) for entry in self.policy.allowing(write.type, "create")]
        if all(reasons) and "thread" not in reasons:
            raise outcome.Forbidden()
        return Judged(replace(write, checked=True), None, outcome.Forbidden() if all(reasons) else None)

    def _writable(self, write: Write) -> tuple[Resource, Seen]:
        """The present state for an update or delete, and what the writer sees of it.

        404 when it is hidden, 403 when the type may not be written, 412 when it is not the version that was seen.
        """
        if not self.policy.entries.get(write.type):
            raise outcome.Forbidden()
        before = self.store.raw(write.type, write.id) if validate.valid_id(write.id) else None
        seen = self._look(before, "read") if before is not None else None
        if before is None or seen is None:
            if not self.policy.allowing(write.type, "read"):
                raise outcome.Forbidden()
            raise self._absent(write.type, write.id)
        self._typed(write.type, "delete" if write.method == "DELETE" else "update")
        if write.if_match and write.if_match != before["meta"]["versionId"]:
            raise outcome.Stale()
        return before, seen

    def _judged_update(self, write: Write, before: Resource, hidden: frozenset[str]) -> Judged:
        assert write.resource is not None
        after = _with_hidden(before, {**write.resource, "id": write.id}, hidden)
        validate.validate(after)
        entries = self.policy.allowing(write.type, "update")
        reasons = [self._judge(entry, before, after) for entry in entries]
        done = replace(_seen_at(write, before), method="PUT", resource=after, checked=True)
        if all(reasons):
            if "thread" in reasons:
                return Judged(done, before, outcome.NotFound())
            readonly = [reason.removeprefix("readonly ") for reason in reasons if reason.startswith("readonly ")]
            if readonly:
                raise outcome.Unprocessable(
                    f"{readonly[0]} can not be changed.", expression=f"{write.type}.{readonly[0]}"
                )
            raise outcome.Forbidden()
        return Judged(done, before)

    def _finish(self, judged: Judged) -> None:
        if judged.refusal is not None:
            raise judged.refusal
        if judged.write.resource is not None:
            builtin.check(judged.before, judged.write.resource, self._raw)

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

    def _known_references(self, judged: Sequence[Judged]) -> None:
        """Every new reference leads to what the writer may know of; else it is unknown, like one that never was.

        One search for each type, however many writes there are.
        """
        asked = [(one.write, named) for one in judged for named in self._unknown(one)]
        found: dict[tuple[str, str], Resource] = {}
        for type in {type for _, (_, type, _) in asked}:
            ids = sorted({id for _, (_, one, id) in asked if one == type})
            for start in range(0, len(ids), BATCH):
                for resource in self._readable_ids(type, ids[start : start + BATCH]):
                    found[type, resource["id"]] = resource
        for write, (path, type, id) in asked:
            with outcome.within(write.place):
                if (type, id) not in found:
                    raise outcome.UnknownReference(f"Unknown reference {type}/{id}", expression=path)
                if found[type, id].get("active") is False:
                    raise outcome.Unprocessable(f"{type}/{id} is not active any more.", expression=path)

    def _unknown(self, judged: Judged) -> Iterator[Named]:
        """The references of a new state that neither the writer, the transaction nor what they see names already."""
        after = judged.write.resource
        if after is None:
            return
        known = {*self._profiles, *self._pending, *self._named(judged.before)}
        for parent in builtin.parents(after):
            thread = self._thread(parent)
            known |= {parent, *self._named(thread)} if thread else set()
        places = [(path, reference.get("reference", "")) for path, reference, _ in validate.references(after)]
        for path, target in [*places, *((after["resourceType"], file) for file in builtin.files(after))]:
            type, id = split_reference(target)
            if type and f"{type}/{id}" not in known:
                yield path, type, id

    def _raw(self, reference: str) -> Resource | None:
        return self._pending.get(reference) or self.store.raw(*split_reference(reference))


def _seen_at(write: Write, before: Resource) -> Write:
    """The write on the version that it was judged by, so that no other one is overwritten."""
    return replace(write, if_match=before["meta"]["versionId"])


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
