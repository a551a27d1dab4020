"""A clinic into the tables of the store, as `bulk_load` would leave them, at some ten thousand resources a second.

Two processes make the rows with the store's own functions; one writes them, without indexes, which come afterwards.
"""

import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from django.db import connection

from inbox import models
from inbox.fhir import rows, sql, tables
from inbox.fhir.types import Resource

from .data import Clinic

CHUNK = 4_000
WORKERS = 2
COLUMNS = ("is_header", "has_payload", "status", "sent", "display", "body")
FIELDS: dict[type[Any], tuple[str, ...]] = {
    models.Resource: ("id", "practice", "type", "fhir_id", "version", "last_updated", "deleted", *COLUMNS),
    models.Version: ("resource", "version", "last_updated", "deleted", "activity", "body"),
    **{model: ("practice", "resource", *names, *tables.READ.get(model, ())) for model, names in rows.INDEXES.items()},
}
Rows = dict[str, list[tuple[Any, ...]]]
"""The rows of each table, by the name of its model."""


class Cursor(Protocol):
    """What loading needs of a database."""

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]], /) -> Any: ...


def rows_of(practice: int, pk: int, resource: Resource, into: Rows) -> None:
    """Add the rows of a resource that is in its first version, with the time that its `meta` says."""
    at = rows.micros(resource["meta"]["lastUpdated"]) if "meta" in resource else rows.micros("2024-01-01")
    body = rows.dumps(rows.unstamped(resource))
    columns = rows.columns(resource, at)
    key = (resource["resourceType"], resource["id"])
    into["Resource"].append((pk, practice, *key, 1, at, False, *columns, rows.display_of(resource), body))
    into["Version"].append((pk, 1, at, False, "", body))
    read = tables.read_columns(resource, at)
    for model, found in rows.index_rows(resource).items():
        into[model.__name__] += [(practice, pk, *one, *read.get(model, ())) for one in sorted(found)]


def insert(cursor: Cursor, found: Rows, mark: str = "%s") -> None:
    """Write rows."""
    for model, fields in FIELDS.items():
        columns = ", ".join(str(model._meta.get_field(name).column) for name in fields)
        marks = ", ".join([mark] * len(fields))
        cursor.executemany(f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({marks})", found[model.__name__])


class Maker:
    """Makes the rows of a clinic in pieces, here or in processes that were forked from this one.

    Their numbers come `after` those of what is stored already.
    """

    def __init__(self, practice: int, clinic: Clinic, after: int = 0) -> None:
        self.practice = practice
        self.after = after
        self.clinic = clinic
        self.others = [*(one.resource for one in clinic.people), *clinic.receipts()]
        self.order = clinic.order()

    def pieces(self) -> range:
        return range(0, len(self.others) + len(self.order), CHUNK)

    def piece(self, start: int) -> Rows:
        found: Rows = {model.__name__: [] for model in FIELDS}
        for position in range(start, min(start + CHUNK, len(self.others) + len(self.order))):
            rows_of(self.practice, self.after + position + 1, self._resource(position), found)
        return found

    def _resource(self, position: int) -> Resource:
        if position < len(self.others):
            return self.others[position]
        _, number, index = self.order[position - len(self.others)]
        return self.clinic.communication(number, index)


_maker: Maker


def _piece(start: int) -> Rows:
    return _maker.piece(start)


def load(practice: models.Practice, clinic: Clinic) -> float:
    """Write a clinic into an empty SQLite database; gives the seconds that it took."""
    global _maker
    began = time.monotonic()
    _maker = Maker(practice.pk, clinic, sql.fetch("SELECT max(id) FROM inbox_resource", [])[0][0])
    connection.close()
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        made = pool.imap(_piece, _maker.pieces())
        with _without_indexes() as raw:
            for found in made:
                insert(raw, found, "?")
    return time.monotonic() - began


@contextmanager
def _without_indexes() -> Iterator[Any]:
    """The database without indexes and without safety; with both afterwards."""
    connection.ensure_connection()
    raw = connection.connection
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-1000000", "threads=2"):
        raw.execute(f"PRAGMA {pragma}")
    names = ", ".join(f"'{model._meta.db_table}'" for model in FIELDS)
    found = raw.execute(f"SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name IN ({names})")
    indexes = [(name, text) for name, text in found.fetchall() if " INDEX " in text[:30]]
    for name, _ in indexes:
        raw.execute(f'DROP INDEX "{name}"')
    raw.execute("BEGIN")
    yield raw
    raw.execute("COMMIT")
    for _, text in indexes:
        raw.execute(text)
    # No ANALYZE: nothing in production asks for one, so plans must be right without.
    raw.execute("PRAGMA journal_mode=WAL")
    connection.close()


def check(count: int, seed: int = 1) -> None:
    """So many resources at random have exactly the rows that the store would make of their bodies.

    Raises AssertionError naming the first one that has not.
    """
    last = sql.fetch("SELECT max(id) FROM inbox_resource", [])[0][0]
    for pk in random.Random(seed).sample(range(1, last + 1), min(count, last)):
        row = models.Resource.objects.get(pk=pk)
        made: Rows = {model.__name__: [] for model in FIELDS}
        stored = rows.stamped(rows.loads(row.body), row.version, row.last_updated)
        rows_of(row.practice_id, pk, stored, made)
        for model, fields in FIELDS.items():
            by = "id" if model is models.Resource else "resource"
            there = model._default_manager.filter(**{by: pk}).values_list(*fields)
            assert sorted(there, key=str) == sorted(made[model.__name__], key=str), (row.type, row.fhir_id, model)


def bytes_of(database: Path) -> int:
    """What a database takes on disk."""
    return sum(one.stat().st_size for one in database.parent.glob(f"{database.name}*"))
