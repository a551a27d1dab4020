"""What a search is sorted by, as SQL; and where the next page goes on.

Each key is one value of a row that is never null: of several values the one that comes first in the order asked for,
and where a row has none, one that puts it last. Ties are broken by the row's number, so that no row stands twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from . import outcome
from .indexing import MAX
from .search import SearchRequest
from .searchparams import parameter
from .sql import vendor
from .terms import END, Sql

COLUMNS = {"_lastUpdated": "last_updated", "_id": "fhir_id"}
TABLES = {
    "date": ("inbox_dateindex", "low"),
    "string": ("inbox_stringindex", "norm"),
    "token": ("inbox_tokenindex", "code"),
    "uri": ("inbox_tokenindex", "code"),
}

After = Sequence[object]
"""The keys of the last row of a page, and its number."""


@dataclass(frozen=True)
class Key:
    """A column of the row (and perhaps of its driver), or a search parameter (`Task.authored-on`) and its type."""

    column: str = "last_updated"
    descending: bool = True
    param: str = ""
    type: str = "date"

    @property
    def order(self) -> str:
        return "DESC" if self.descending else "ASC"


def of(request: SearchRequest) -> tuple[Key, ...]:
    """The sort keys of a search; `_lastUpdated`, newest first, when none is given."""
    return tuple(_key(request.type, code, descending) for code, descending in request.sort) or (Key(),)


def driving(request: SearchRequest) -> Key:
    """The one sort key that an index can give rows by; raises Invalid where there is another."""
    found = of(request)
    if len(found) > 1 or found[0].column not in ("last_updated", "sent"):
        raise outcome.Invalid("Sort by _lastUpdated or by sent alone.", expression="_sort")
    return found[0]


def columns(keys: Sequence[Key], driver: str) -> list[str]:
    """The expression of each key; the first may come from the driver of the scan (`d`, else `r`)."""
    return [_column(key, driver if index == 0 else "r") for index, key in enumerate(keys)]


def selected(columns: Sequence[str]) -> str:
    return ", ".join(f"{column} AS k{index}" for index, column in enumerate(columns))


def order(keys: Sequence[Key], prefix: str = "", id: str = "id") -> str:
    """`k0 DESC, k1 ASC, id DESC`: the row's number goes the way of the first key."""
    return ", ".join(
        [*(f"{prefix}k{index} {key.order}" for index, key in enumerate(keys)), f"{prefix}{id} {keys[0].order}"]
    )


def later(keys: Sequence[Key], columns: Sequence[str], id: str, after: After) -> Sql:
    """The rows that come after one in the order."""
    if len({key.descending for key in keys}) == 1:
        marks = ", ".join(["%s"] * len(after))
        return Sql(f"({', '.join([*columns, id])}) {'<' if keys[0].descending else '>'} ({marks})", tuple(after))
    steps = [*zip([*columns, id], [*keys, keys[0]], after, strict=True)]
    parts = []
    for index, (column, key, value) in enumerate(steps):
        same = [Sql(f"{one[0]} = %s", one[2]) for one in steps[:index]]
        beyond = Sql(f"{column} {'<' if key.descending else '>'} %s", value)
        parts.append(Sql("(") + Sql.join(" AND ", [*same, beyond]) + Sql(")"))
    return Sql("(") + Sql.join(" OR ", parts) + Sql(")")


def _key(type: str, code: str, descending: bool) -> Key:
    if code in COLUMNS:
        return Key(COLUMNS[code], descending)
    if code == "sent" and type == "Communication":
        return Key("sent", descending)
    found = parameter(type, code)
    if found is None or found.type not in TABLES:
        raise outcome.Invalid(f'Sorting {type} by "{code}" is not supported.', expression="_sort")
    if code == "status" and found.type == "token":
        return Key("status", descending)
    return Key("", descending, found.key, found.type)


def _column(key: Key, driver: str) -> str:
    if key.column == "status":
        return f"coalesce(nullif(r.status{_bytes()}, ''), '{'' if key.descending else END}')"
    if key.column:
        return f"{'r' if key.column == 'fhir_id' else driver}.{key.column}"
    table, value = TABLES[key.type]
    if key.type == "date":
        missing = str(-2 * MAX if key.descending else 2 * MAX)
    else:
        value += _bytes()
        missing = f"'{'' if key.descending else END}'"
    first = f"{'max' if key.descending else 'min'}(x.{value})"
    found = f"SELECT {first} FROM {table} x WHERE x.resource_id = r.id AND x.param = '{key.param}'"
    return f"coalesce(({found}), {missing})"


def _bytes() -> str:
    """Codes are ordered byte by byte on PostgreSQL too."""
    return ' COLLATE "C"' if vendor() == "postgresql" else ""
