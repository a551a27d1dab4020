"""Between a resource and its rows: stored JSON, the columns that repeat parts of it, and index rows."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import simplejson

from inbox import models

from . import outcome, searchparams, sql
from .types import Resource

LAST_ACTIVITY = "https://fhir-inbox.example/StructureDefinition/last-activity"
"""Extension of a thread header: when a message that every participant may read came last (valueInstant)."""


_decoder = json.JSONDecoder(parse_float=Decimal)
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)


def loads(text: str) -> Any:
    """JSON with decimals kept as written."""
    return _decoder.decode(text)


def dumps(value: Any) -> str:
    """Compact JSON, decimals as they were written."""
    try:
        return _encoder.encode(value)
    except TypeError:
        # Python's own encoder is twice as fast, and does not know decimals, which few resources hold.
        return simplejson.dumps(value, use_decimal=True, ensure_ascii=False, separators=(",", ":"))


def now() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def instant(micros: int) -> str:
    """Microseconds as a FHIR instant, `2026-11-21T12:00:00.000001Z`."""
    moment = datetime.fromtimestamp(micros // 1_000_000, UTC).isoformat()
    return f"{moment[:19]}.{micros % 1_000_000:06d}Z"


def micros(text: str) -> int:
    """A FHIR instant or dateTime as microseconds (its earliest moment)."""
    try:
        return searchparams.interval(text)[0]
    except ValueError:
        raise outcome.Invalid(f"{text} is outside the calendar.") from None


@dataclass
class Row:
    """A stored resource as its columns; `pk` is 0 before it is inserted."""

    pk: int
    type: str
    id: str
    version: int
    last_updated: int
    deleted: bool
    body: str

    COLUMNS = "r.id, r.type, r.fhir_id, r.version, r.last_updated, r.deleted, r.body"

    @property
    def resource(self) -> Resource:
        return stamped(loads(self.body), self.version, self.last_updated)


def stamped(body: Resource, version: int, last_updated: int) -> Resource:
    """A stored body with its `meta.versionId` and `meta.lastUpdated`."""
    meta = {"versionId": str(version), "lastUpdated": instant(last_updated), **body.get("meta", {})}
    rest = {name: value for name, value in body.items() if name not in ("resourceType", "id", "meta")}
    return {"resourceType": body["resourceType"], "id": body["id"], "meta": meta, **rest}


def unstamped(resource: Resource) -> Resource:
    """What is stored of a resource: everything but the version and its time."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    body = {name: value for name, value in resource.items() if name != "meta"}
    return {**body, "meta": meta} if meta else body


Key = tuple[str, str]

_held: ContextVar[dict[tuple[int, str, str], Row | None] | None] = ContextVar("held", default=None)
"""Rows that this transaction has locked: nobody else can change them, so they are read once."""


@contextmanager
def holding() -> Iterator[None]:
    """Remember locked rows until the outermost transaction ends; what fails has locked and written nothing."""
    token = _held.set({}) if _held.get() is None else None
    try:
        yield
    except BaseException:
        (_held.get() or {}).clear()
        raise
    finally:
        if token is not None:
            _held.reset(token)


def hold(practice: int, row: Row) -> None:
    """What this transaction has written is what it reads."""
    held = _held.get()
    if held is not None:
        held[practice, row.type, row.id] = row


def held(practice: int, key: Key) -> Row | None:
    """A row that this transaction has locked or written, if it has."""
    rows = _held.get()
    return rows.get((practice, *key)) if rows is not None else None


def current(practice: int, key: Key) -> Row | None:
    """The row of a (type, id), deleted or not; without a query where this transaction holds it."""
    rows = _held.get()
    if rows is not None and (practice, *key) in rows:
        return rows[practice, *key]
    return load(practice, [key]).get(key)


def lock(practice: int, keys: Iterable[Key]) -> dict[Key, Row]:
    """The rows of these (type, id), deleted ones too, locked until the transaction ends; one query for the new ones."""
    rows = _held.get()
    if rows is None:
        return load(practice, keys, lock=True)
    wanted = set(keys)
    new = {key for key in wanted if (practice, *key) not in rows}
    found = load(practice, new, lock=True)
    rows.update({(practice, *key): found.get(key) for key in new})
    return {key: row for key in wanted if (row := rows[practice, *key]) is not None}


def load(practice: int, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Row]:
    """The rows of these (type, id), deleted ones too, in one query."""
    # Whatever was asked for: no id holds what databases can not take (NUL, half a character).
    wanted = sorted({key for key in keys if key[1].isprintable()})
    if not wanted:
        return {}
    found = sql.fetch(
        f"SELECT {Row.COLUMNS} FROM {sql.rows_sql(['text', 'text'])} CROSS JOIN inbox_resource r"
        " WHERE r.practice_id = %s AND r.type = j.c0 AND r.fhir_id = j.c1 ORDER BY r.id"
        + (sql.for_update("r") if lock else ""),
        [sql.dump(wanted), practice],
    )
    return {(row[1], row[2]): Row(*row) for row in found}


def displays(practice: int, keys: Iterable[Key], *, keep: bool = False) -> dict[str, str]:
    """The names of those among these (type, id) that exist, by reference, in one query.

    `keep`: none of them can be deleted before the transaction ends.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    found = sql.fetch(
        f"SELECT r.type, r.fhir_id, r.display FROM {sql.rows_sql(['text', 'text'])} CROSS JOIN inbox_resource r"
        " WHERE r.practice_id = %s AND r.type = j.c0 AND r.fhir_id = j.c1 AND NOT r.deleted"
        + (sql.for_key_share("r") if keep else ""),
        [sql.dump(wanted), practice],
    )
    return {f"{type}/{id}": display for type, id, display in found}


def display_of(resource: Resource) -> str:
    """The name that references to this resource show; empty for what has none."""
    name = resource.get("name")
    if isinstance(name, str):
        return name[:200]
    for one in name if isinstance(name, list) else []:
        if one.get("use") == "old":
            continue
        parts = [*one.get("prefix", []), *one.get("given", []), one.get("family")]
        # In a list of primitives null stands for a value that has nothing but extensions.
        text = one.get("text") or " ".join(part for part in parts if part)
        if text.strip():
            return str(text).strip()[:200]
    return ""


def columns(resource: Resource, last_updated: int) -> tuple[bool | None, bool | None, str, int | None]:
    """`is_header`, `has_payload`, `status` and `sent` of a resource."""
    status = resource.get("status")
    status = status if isinstance(status, str) else ""
    if resource["resourceType"] != "Communication":
        return None, None, status, None
    sent = resource.get("sent") or resource.get("received")
    return "partOf" not in resource, "payload" in resource, status, micros(sent) if sent else last_updated


def header_activity(resource: Resource) -> str:
    """The last activity that a thread header carries, or an empty text."""
    for extension in resource.get("extension", []):
        if extension.get("url") == LAST_ACTIVITY:
            return str(extension.get("valueInstant", ""))
    return ""


def with_activity(resource: Resource, activity: str) -> Resource:
    """The header with another last activity; an empty one takes it away."""
    kept = [one for one in resource.get("extension", []) if one.get("url") != LAST_ACTIVITY]
    if activity:
        kept.append({"url": LAST_ACTIVITY, "valueInstant": activity})
    rest = {name: value for name, value in resource.items() if name != "extension"}
    return {**rest, "extension": kept} if kept else rest


IndexRows = dict[type[Any], set[tuple[Any, ...]]]

INDEXES: dict[type[Any], tuple[str, ...]] = {
    models.ReferenceIndex: ("param", "target"),
    models.TokenIndex: ("param", "system", "code"),
    models.StringIndex: ("param", "norm", "value"),
    models.DateIndex: ("param", "low", "high"),
}


def index_rows(resource: Resource | None) -> IndexRows:
    """What a resource is found by, one set for each index table; nothing for None."""
    if resource is None:
        return {model: set() for model in INDEXES}
    found = searchparams.extract(resource)
    values: Sequence[Iterable[Any]] = (found.references, found.tokens, found.strings, found.dates)
    return {model: {tuple(one) for one in rows} for model, rows in zip(INDEXES, values, strict=True)}
