"""From the steps of a transaction to the tables: current state, version and index rows, each in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass

from inbox import models

from . import rows, sql
from .repository import Upload, Write
from .rows import Row
from .types import Resource


@dataclass
class Step:
    """One write on its way: the row there is, the resource before and after, and the stamp of the new version.

    `upload` is the new content of a file; None leaves what it holds as it is.
    """

    write: Write
    row: Row | None
    before: Resource | None
    after: Resource | None = None
    version: int = 0
    last_updated: int = 0
    activity: str = ""
    upload: Upload | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.write.type, self.write.id

    @property
    def reference(self) -> str:
        return f"{self.write.type}/{self.write.id}"


def flush(practice: int, steps: Sequence[Step]) -> None:
    """Write the new states, their versions and what they are found by."""
    new = [step for step in steps if step.row is None]
    old = [step for step in steps if step.row is not None]
    ids = _insert(practice, new)
    for step in new:
        step.row = Row(ids[step.key], *step.key, step.version, step.last_updated, False, "")
    _update(old)
    _versions(steps)
    _index(practice, steps)
    for step in steps:
        body = rows.dumps(rows.unstamped(step.after)) if step.after is not None else step.row.body if step.row else ""
        rows.hold(practice, Row(_pk(step), *step.key, step.version, step.last_updated, step.after is None, body))


def _insert(practice: int, steps: Sequence[Step]) -> dict[tuple[str, str], int]:
    fields = ("practice", "type", "fhir_id", "version", "last_updated", "deleted", *_COLUMNS)
    values = [[practice, *step.key, step.version, step.last_updated, False, *_values(step)] for step in steps]
    found = sql.insert(models.Resource, fields, values, returning="id, type, fhir_id")
    return {(type, id): pk for pk, type, id in found}


_COLUMNS = ("is_header", "has_payload", "status", "sent", "display", "body")


def _values(step: Step) -> list[object]:
    assert step.after is not None
    columns = rows.columns(step.after, step.last_updated)
    return [*columns, rows.display_of(step.after), rows.dumps(rows.unstamped(step.after))]


def _update(steps: Sequence[Step]) -> None:
    kept = [s for s in steps if s.after is not None]
    fields = ("version", "last_updated", "deleted", *_COLUMNS)
    sql.update(models.Resource, "id", fields, [[_pk(s), s.version, s.last_updated, False, *_values(s)] for s in kept])
    gone = [[_pk(s), s.version, s.last_updated, True] for s in steps if s.after is None]
    sql.update(models.Resource, "id", ("version", "last_updated", "deleted"), gone)


def _pk(step: Step) -> int:
    assert step.row is not None
    return step.row.pk


def _versions(steps: Sequence[Step]) -> None:
    values = []
    for step in steps:
        body = None if step.after is None or step.activity else rows.dumps(rows.unstamped(step.after))
        values.append([_pk(step), step.version, step.last_updated, step.after is None, step.activity, body])
    fields = ("resource", "version", "last_updated", "deleted", "activity", "body")
    sql.insert(models.Version, fields, values)


def _index(practice: int, steps: Sequence[Step]) -> None:
    """Write the index rows that are new, take away those that no longer hold, move the columns of the others."""
    added: dict[type, list[list[object]]] = {model: [] for model in rows.INDEXES}
    removed: dict[type, list[list[object]]] = {model: [] for model in rows.INDEXES}
    for step in steps:
        if step.activity:
            continue  # Nothing is found by a thread's last activity but the columns of its rows.
        before, after = rows.index_rows(step.before), rows.index_rows(step.after)
        read = read_columns(step.after, step.last_updated)
        for model in rows.INDEXES:
            extra = read.get(model, [])
            added[model] += [[practice, _pk(step), *one, *extra] for one in sorted(after[model] - before[model])]
            removed[model] += [[_pk(step), *one] for one in before[model] - after[model]]
    for model, names in rows.INDEXES.items():
        sql.delete_rows(model, ("resource", *names), removed[model])
        sql.insert(model, ("practice", "resource", *names, *READ.get(model, ())), added[model])
    moved = [step for step in steps if step.before is not None and step.after is not None]
    for model, columns in READ.items():
        values = [[_pk(step), *read_columns(step.after, step.last_updated)[model]] for step in moved]
        sql.update(model, "resource", columns, values)


READ: dict[type, tuple[str, ...]] = {
    models.ReferenceIndex: ("is_header", "status", "last_updated", "sent"),
    models.TokenIndex: ("is_header", "last_updated"),
}
"""The columns of index rows that repeat the resource's own, so that lists come in order straight from an index."""


def read_columns(resource: Resource | None, last_updated: int) -> dict[type, list[object]]:
    """The values of the columns in `READ`."""
    if resource is None:
        return {}
    is_header, _, status, sent = rows.columns(resource, last_updated)
    return {
        models.ReferenceIndex: [is_header, status, last_updated, sent],
        models.TokenIndex: [is_header, last_updated],
    }
