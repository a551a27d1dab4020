"""One transaction of writes: versions, index rows, what follows from them, audit and outbox, all or nothing."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from django.db import transaction

from inbox import models

from . import audit, builtin, events, files, outcome, rows, sql, tables, validate
from .events import Change
from .repository import Write, Written
from .tables import Step
from .types import Actor, Resource, split_reference


@dataclass
class Unit:
    """The writes of one transaction, for one actor.

    `trusted`: the writer is the system or an import, so `display`s are kept and validation was done elsewhere.
    `stamps`: the resource's own `meta.lastUpdated` counts. `derive`: tell listeners, who may add writes.
    """

    actor: Actor
    trusted: bool = False
    stamps: bool = False
    derive: bool = True
    known: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)

    def run(self, writes: Sequence[Write]) -> list[Written]:
        """Carry out the writes and all that follows from them, in one database transaction."""
        with rows.holding(), transaction.atomic():
            done = self._round(writes)
            audit.record_changes(self.changes)
            _outbox(self.changes)
            told = list(self.changes)
            if self.derive:
                transaction.on_commit(lambda: _tell(told))
        return done

    def _round(self, writes: Sequence[Write]) -> list[Written]:
        steps = self._steps(writes)
        same = [_same(step) for step in steps]
        work = [step for step, unchanged in zip(steps, same, strict=True) if not unchanged]
        self._check(work)
        self._stamp(work)
        tables.flush(self.actor.practice, work)
        files.keep(self.actor, work, trusted=self.trusted)
        _unreferenced(self.actor.practice, [step for step in work if step.after is None])
        changes = [self._change(step) for step in work]
        self.changes += changes
        if self.derive and changes:
            self._follow(changes)
        return [
            Written(step.after, created=step.before is None, unchanged=unchanged) if step.after else Written(None)
            for step, unchanged in zip(steps, same, strict=True)
        ]

    def _follow(self, changes: list[Change]) -> None:
        """Ask the listeners what follows, and write it as the system actor."""
        further: list[Write] = []
        for _, writes in events.resource_changing.send(sender=None, changes=changes):
            further += cast("list[Write]", writes or [])
        if further:
            system = Unit(replace(self.actor, profile=SYSTEM, profiles=(SYSTEM,), display=""), trusted=True)
            system._round(further)
            self.changes += system.changes

    def _steps(self, writes: Sequence[Write]) -> list[Step]:
        named = [write if write.id else replace(write, id=str(uuid.uuid4())) for write in writes]
        _once_each(named)
        there = [(write.type, write.id) for write in named if write.method != "POST"]
        found = rows.lock(self.actor.practice, there)
        steps: list[Step] = []
        for write in named:
            row = found.get((write.type, write.id))
            step = Step(write, row, row.resource if row and not row.deleted else None)
            with outcome.within(write.place):
                _allowed(step)
                if write.resource is not None:
                    step.after, step.upload = files.taken({**write.resource, "id": write.id}, write.upload)
                    files.compare(step, trusted=self.trusted)
                    if not self.trusted:
                        if not write.checked:
                            validate.validate(step.after)
                        _keep_ours(step)
            steps.append(step)
        return steps

    def _check(self, steps: Sequence[Step]) -> None:
        """That every reference leads somewhere; names of what is referred to are filled in."""
        if self.trusted and not self.stamps:
            return
        new = [(step, *found) for step in steps for found in _references(step)]
        names = dict.fromkeys(self.known, "")
        names |= {step.reference: rows.display_of(step.after) for step in steps if step.after is not None}
        names |= _named_by_parents(self.actor.practice, steps)
        wanted = {split_reference(reference["reference"]) for _, _, reference, _ in new}
        names |= rows.displays(self.actor.practice, [key for key in wanted if "/".join(key) not in names], keep=True)
        for step, path, reference, _ in new:
            target = "/".join(split_reference(reference["reference"]))
            if target not in names:
                with outcome.within(step.write.place):
                    raise outcome.UnknownReference(f"Unknown reference {reference['reference']}", expression=path)
            if names.get(target) and not self.trusted:
                reference["display"] = names[target]

    def _stamp(self, steps: Sequence[Step]) -> None:
        time = rows.now()
        for step in steps:
            step.version = step.row.version + 1 if step.row else 1
            own = (step.after or {}).get("meta", {}).get("lastUpdated") if self.stamps else None
            step.last_updated = max(rows.micros(own) if own else time, step.row.last_updated + 1 if step.row else 0)
            if step.after is None:
                continue
            body = rows.unstamped(step.after)
            step.activity = _activity_alone(step.before, body)
            step.after = rows.stamped(body, step.version, step.last_updated)

    def _change(self, step: Step) -> Change:
        if step.after is None:
            return Change(self.actor, "delete", step.before, None)
        return Change(self.actor, "update" if step.before else "create", step.before, step.after)


SYSTEM = "Device/system"


def _once_each(writes: Sequence[Write]) -> None:
    """One transaction writes a resource once, or which state is the last one would be a guess."""
    seen: set[tuple[str, str]] = set()
    for write in writes:
        if (write.type, write.id) in seen:
            with outcome.within(write.place):
                raise outcome.Invalid(f"{write.type}/{write.id} is written twice in one transaction.")
        seen.add((write.type, write.id))


def _allowed(step: Step) -> None:
    """Whether the method fits what there is, and the version is the one that the writer saw."""
    write, row = step.write, step.row
    if write.method == "POST" and step.before is not None:
        raise outcome.Conflict(f"{step.reference} exists already.")
    if write.method == "DELETE":
        if row is None:
            raise outcome.NotFound()
        if row.deleted:
            raise outcome.Gone()
    if write.if_match and (row is None or str(row.version) != write.if_match):
        raise outcome.Stale()


def _unreferenced(practice: int, deleted: Sequence[Step]) -> None:
    """Nothing refers to what was deleted, once all writes are done."""
    places = {step.reference: step.write.place for step in deleted}
    if not places:
        return
    referred = models.ReferenceIndex.objects.filter(practice=practice, target__in=places)
    for target in referred.values_list("target", flat=True)[:1]:
        with outcome.within(places[target]):
            raise outcome.Conflict("Other resources refer to this one; it can not be deleted.")


def _same(step: Step) -> bool:
    """Whether an update changes nothing, so that no version is made of it."""
    if step.before is None or step.after is None or step.upload is not None:
        return False
    if rows.unstamped(step.before) != rows.unstamped(step.after):
        return False
    step.after = step.before
    return True


def _keep_ours(step: Step) -> None:
    """Put back what is the server's own: names beside references that a writer leaves out, and the last activity."""
    if step.after is None:
        return
    names = _names(step.before)
    for _, reference, _ in validate.references(step.after) if names else ():
        if "display" not in reference and names.get(reference.get("reference", "")):
            reference["display"] = names[reference["reference"]]
    if step.after["resourceType"] == "Communication":
        activity = rows.header_activity(step.before or {})
        if activity != rows.header_activity(step.after):
            step.after = rows.with_activity(step.after, activity)


def _names(resource: Resource | None) -> dict[str, str]:
    """The names beside a resource's references, by reference; those to nothing but an identifier have none of ours."""
    found = (reference for _, reference, _ in (validate.references(resource) if resource else ()))
    return {one["reference"]: one.get("display", "") for one in found if one.get("reference")}


def _references(step: Step) -> Iterable[tuple[str, Resource, list[str]]]:
    """The literal references of the new state that were not in the state before."""
    if step.after is None:
        return
    old = _names(step.before)
    for found in validate.references(step.after):
        reference, name = found[1].get("reference", ""), found[1].get("display", "")
        if (reference not in old or not name or name != old[reference]) and all(split_reference(reference)):
            yield found


def _named_by_parents(practice: int, steps: Sequence[Step]) -> dict[str, str]:
    """The names in the threads that these writes belong to; what a stored resource refers to exists."""
    names: dict[str, str] = {}
    for step in steps:
        for parent in builtin.parents(step.after) if step.after else ():
            row = rows.held(practice, split_reference(parent))
            if row is None or row.deleted:
                continue
            names[parent] = ""
            for _, reference, _ in validate.references(row.resource):
                if reference.get("display") and all(split_reference(reference.get("reference", ""))):
                    names["/".join(split_reference(reference["reference"]))] = reference["display"]
    return names


def _activity_alone(before: Resource | None, body: Resource) -> str:
    """The new last activity, when an update of a header changes nothing else."""
    activity = rows.header_activity(body)
    if before is None or not activity or activity == rows.header_activity(before):
        return ""
    same = rows.with_activity(rows.unstamped(before), "") == rows.with_activity(body, "")
    return activity if same else ""


def _outbox(changes: Sequence[Change]) -> None:
    values = []
    for change in changes:
        resource = change.resource
        version = int((change.after or {}).get("meta", {}).get("versionId", 0))
        thread = thread_of(resource).partition("/")[2]
        values.append(
            [
                change.actor.practice,
                rows.now(),
                change.interaction,
                resource["resourceType"],
                resource["id"],
                version,
                thread,
                False,
            ]
        )
    fields = ("practice", "at", "interaction", "type", "fhir_id", "version", "thread", "done")
    sql.insert(models.Outbox, fields, values)


def thread_of(resource: Resource) -> str:
    """The reference of the thread that a message, a header or a Task belongs to; empty for the rest."""
    if resource["resourceType"] == "Communication":
        parents = resource.get("partOf") or [{"reference": f"Communication/{resource['id']}"}]
        return str(parents[0].get("reference", ""))
    if resource["resourceType"] == "Task":
        return str(resource.get("focus", {}).get("reference", ""))
    return ""


def _tell(changes: list[Change]) -> None:
    events.resource_changed.send(sender=None, changes=changes)
