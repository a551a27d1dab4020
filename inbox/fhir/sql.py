"""What SQLite and PostgreSQL spell differently: whole batches of rows as one JSON parameter, and locks.

A batch is one parameter whatever its length (SQLite takes 999 of them), so a statement's text and the number of
statements never depend on how many rows there are.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from django.db import connections, models

from . import outcome

Rows = Sequence[Sequence[Any]]

TYPES = {
    "BigAutoField": "bigint",
    "BigIntegerField": "bigint",
    "IntegerField": "integer",
    "ForeignKey": "bigint",
    "BooleanField": "boolean",
    "CharField": "text",
    "TextField": "text",
}


def vendor(using: str = "default") -> str:
    return connections[using].vendor


def rows_sql(types: Sequence[str], using: str = "default") -> str:
    """A FROM item `j` with columns c0, c1 … read from one JSON parameter: a list of lists."""
    if vendor(using) == "postgresql":
        columns = ", ".join(f"(value->>{i})::{kind} AS c{i}" for i, kind in enumerate(types))
        return f"(SELECT {columns} FROM jsonb_array_elements(%s::jsonb)) j"
    columns = ", ".join(f"json_extract(value, '$[{i}]') AS c{i}" for i in range(len(types)))
    return f"(SELECT {columns} FROM json_each(%s)) j"


def dump(rows: Rows) -> str:
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def fetch(sql: str, params: Sequence[Any], using: str = "default") -> list[tuple[Any, ...]]:
    """All rows of one SELECT."""
    with connections[using].cursor() as cursor:
        cursor.execute(sql, list(params))
        return list(cursor.fetchall())


def insert(
    model: type[models.Model], fields: Sequence[str], rows: Rows, *, returning: str = "", using: str = "default"
) -> list[tuple[Any, ...]]:
    """Insert a batch in one statement; `returning` names columns to get back, in no particular order."""
    if not rows:
        return []
    columns = [_column(model, name) for name in fields]
    types = [TYPES[type(model._meta.get_field(name)).__name__] for name in fields]
    names = ", ".join(columns)
    values = ", ".join(f"j.c{i}" for i in range(len(fields)))
    sql = f"INSERT INTO {model._meta.db_table} ({names}) SELECT {values} FROM {rows_sql(types, using)} WHERE true"
    if returning:
        return fetch(f"{sql} RETURNING {returning}", [dump(rows)], using)
    with connections[using].cursor() as cursor:
        cursor.execute(sql, [dump(rows)])
    return []


def update(model: type[models.Model], key: str, fields: Sequence[str], rows: Rows) -> None:
    """Update a batch in one statement; the first value of each row finds by `key`, the others are set."""
    if not rows:
        return
    table = model._meta.db_table
    types = [TYPES[type(model._meta.get_field(name)).__name__] for name in (key, *fields)]
    sets = ", ".join(f"{_column(model, name)} = j.c{i}" for i, name in enumerate(fields, 1))
    with connections["default"].cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {sets} FROM {rows_sql(types)} WHERE {table}.{_column(model, key)} = j.c0",
            [dump(rows)],
        )


def delete_rows(model: type[models.Model], fields: Sequence[str], rows: Rows) -> None:
    """Delete the rows whose fields equal one of the batch, in one statement."""
    if not rows:
        return
    table = model._meta.db_table
    types = [TYPES[type(model._meta.get_field(name)).__name__] for name in fields]
    same = " AND ".join(f"x.{_column(model, name)} = j.c{i}" for i, name in enumerate(fields))
    with connections["default"].cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE id IN (SELECT x.id FROM {rows_sql(types)} CROSS JOIN {table} x WHERE {same})",
            [dump(rows)],
        )


def lock(name: str) -> None:
    """Hold a named lock until the transaction ends; on SQLite the transaction itself is exclusive."""
    if vendor() == "postgresql":
        # Hashed here, because a name may hold what PostgreSQL takes for no text.
        digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
        fetch("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest, signed=True)])


def for_update(table: str) -> str:
    return f" FOR UPDATE OF {table}" if vendor() == "postgresql" else ""


def for_key_share(table: str) -> str:
    return f" FOR KEY SHARE OF {table}" if vendor() == "postgresql" else ""


def reference(type: str, id: str) -> str:
    """The reference `Type/id` of a row, `id` being its column, so that an index on references can look it up.

    On PostgreSQL ids compare byte by byte and references do not: an index serves its own order alone.
    """
    text = f"'{type}/' || {id}"
    return f'({text}) COLLATE "default"' if vendor() == "postgresql" else text


def by_number() -> str:
    """After a table in FROM: its rows are looked up by their numbers, which the statement finds first.

    SQLite does not know how few these are, and would rather walk through an index of all rows than sort them.
    """
    return "" if vendor() == "postgresql" else " NOT INDEXED"


def _column(model: type[models.Model], name: str) -> str:
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    if field.column is None:
        raise outcome.FHIRError(f"{name} is no column")
    return str(field.column)
