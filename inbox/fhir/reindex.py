"""What resources are found by, computed again from the resources themselves.

After an upgrade that indexes more, or less: until then an old resource is not found by what is new.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction

from inbox import models

from . import rows, sql, tables
from .rows import Row

BATCH = 500
COLUMNS = ("is_header", "has_payload", "status", "sent", "display")

Wanted = dict[int, tuple[int, Row]]
"""The rows of a batch with their practices, by number."""


def rebuild(*, after: int = 0, progress: Callable[[int, int], None] | None = None) -> int:
    """Mend all index rows that are not as they would be written today; gives how many resources had such rows.

    Each batch is a transaction, locked against writers of its resources; what is right is left alone, so that a run
    can be broken off and made again, or go on `after` the number of a row. `progress` is told (number, last number).
    """
    last = sql.fetch("SELECT coalesce(max(id), 0) FROM inbox_resource", [])[0][0]
    mended = 0
    while True:
        with transaction.atomic():
            batch = _batch(after)
            mended += len(_mend(batch)) if batch else 0
        if not batch:
            return mended
        after = max(batch)
        if progress:
            progress(after, max(last, after))


def _batch(after: int) -> Wanted:
    found = sql.fetch(
        f"SELECT r.practice_id, {Row.COLUMNS} FROM inbox_resource r WHERE r.id > %s ORDER BY r.id LIMIT {BATCH}"
        + sql.for_update("r"),
        [after],
    )
    return {row[1]: (row[0], Row(*row[1:])) for row in found}


def _mend(batch: Wanted) -> set[int]:
    wrong = _mend_columns(batch)
    index = {pk: rows.index_rows(None if row.deleted else row.resource) for pk, (_, row) in batch.items()}
    for model, names in rows.INDEXES.items():
        wanted: dict[int, list[tuple[Any, ...]]] = {}
        for pk, (practice, row) in batch.items():
            extra = [] if row.deleted else tables.read_columns(row.resource, row.last_updated).get(model, [])
            wanted[pk] = sorted(((practice, *one, *extra) for one in index[pk][model]), key=str)
        fields = ("practice", *names, *tables.READ.get(model, ()))
        there = _there(model, fields, batch)
        bad = [pk for pk in batch if sorted(there.get(pk, []), key=str) != wanted[pk]]
        sql.delete_rows(model, ("resource",), [[pk] for pk in bad])
        sql.insert(model, ("resource", *fields), [[pk, *one] for pk in bad for one in wanted[pk]])
        wrong |= set(bad)
    return wrong


def _there(model: type[Any], fields: Sequence[str], batch: Wanted) -> dict[int, list[tuple[Any, ...]]]:
    """The index rows that there are, by the resource's number."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    names = ", ".join(f"x.{'practice_id' if one == 'practice' else one}" for one in fields)
    statement = f"SELECT x.resource_id, {names} FROM {sql.rows_sql(['bigint'])} CROSS JOIN {model._meta.db_table} x"
    for row in sql.fetch(f"{statement} WHERE x.resource_id = j.c0", [sql.dump([[pk] for pk in batch])]):
        values = zip(fields, row[1:], strict=True)
        found.setdefault(row[0], []).append(tuple(_typed(name, value) for name, value in values))
    return found


def _mend_columns(batch: Wanted) -> set[int]:
    """Mend the columns of the rows themselves; a deleted resource keeps those of its last state."""
    names = ", ".join(f"r.{one}" for one in COLUMNS)
    statement = f"SELECT r.id, {names} FROM {sql.rows_sql(['bigint'])} CROSS JOIN inbox_resource r WHERE r.id = j.c0"
    there = {
        row[0]: [_typed(name, value) for name, value in zip(COLUMNS, row[1:], strict=True)]
        for row in sql.fetch(statement, [sql.dump([[pk] for pk in batch])])
    }
    wanted = {
        pk: [*rows.columns(row.resource, row.last_updated), rows.display_of(row.resource)]
        for pk, (_, row) in batch.items()
        if not row.deleted
    }
    bad = [pk for pk, values in wanted.items() if there[pk] != values]
    sql.update(models.Resource, "id", COLUMNS, [[pk, *wanted[pk]] for pk in bad])
    return set(bad)


def _typed(name: str, value: Any) -> Any:
    """SQLite has no booleans."""
    return bool(value) if name in ("is_header", "has_payload") and value is not None else value
