"""SearchRequest and access scope to SQL: index-ordered scans, merged; criteria are part of the statement.

A search is one or more *arms*. An arm is a conjunction that is driven by its most selective condition, so that rows
come in order straight from an index and stop at the page's length. A scope (the entries that admit a row, ORed) is a
filter where the search itself is selective, and otherwise one arm for each entry.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from . import logic, outcome, sql, terms
from .search import Condition, SearchRequest
from .terms import Sql

Conditions = tuple[Condition, ...]

REFERENCES, TOKENS = "inbox_referenceindex", "inbox_tokenindex"


@dataclass(frozen=True)
class Admit:
    """One policy entry as conditions; `follows` admits by what this parameter refers to, one step."""

    conditions: Conditions
    follows: str = ""
    followed: tuple[tuple[str, tuple["Admit", ...]], ...] = ()


@dataclass(frozen=True)
class Scope:
    """The rows that one actor may find: any of `admits`, and of drafts only their own (`profiles`).

    `groups` ask for one boolean column each: whether any of these admits the row.
    """

    admits: tuple[Admit, ...]
    profiles: tuple[str, ...]
    groups: tuple[tuple[Admit, ...], ...] = ()


@dataclass(frozen=True)
class Key:
    """What a search is sorted by: a column of the row (and of its driver), or a date parameter."""

    column: str = "last_updated"
    descending: bool = True
    param: str = ""

    @property
    def order(self) -> str:
        return "DESC" if self.descending else "ASC"


@dataclass
class Arm:
    conditions: Conditions
    scope: Scope | None
    parts: list[Sql] = field(default_factory=list)


def sort_key(request: SearchRequest) -> Key:
    """The first sort key; `_lastUpdated`, newest first, when none is given. Ties are broken by the row's number."""
    if not request.sort:
        return Key()
    if len(request.sort) > 1:
        raise outcome.Invalid("Sort by one key; ties are broken by the store.", expression="_sort")
    code, descending = request.sort[0]
    if code == "_lastUpdated":
        return Key("last_updated", descending)
    if code == "_id":
        return Key("fhir_id", descending)
    if code == "sent" and request.type == "Communication":
        return Key("sent", descending)
    return Key("", descending, f"{request.type}.{code}")


def page(
    practice: int, request: SearchRequest, scope: Scope | None, limit: int, after: tuple[object, int] | None
) -> Sql:
    """Rows `r.*`, the sort key and one column for each group of the scope, in order, at most `limit`."""
    key = sort_key(request)
    arms = [_select(practice, request.type, arm, key, limit, after) for arm in _arms(practice, request, scope)]
    if not arms:
        return Sql("", ())
    union = Sql.join(" UNION ", [Sql("SELECT * FROM (") + arm + Sql(f") a{i}") for i, arm in enumerate(arms)])
    inner = union if len(arms) > 1 else arms[0]
    groups = _group_columns(practice, request, scope)
    return (
        Sql(f"SELECT {COLUMNS}, u.k")
        + groups
        + Sql(" FROM (")
        + inner
        + Sql(
            f") u CROSS JOIN inbox_resource r WHERE r.id = u.id ORDER BY u.k {key.order}, u.id {key.order} LIMIT %s",
            limit,
        )
    )


COLUMNS = "r.id, r.type, r.fhir_id, r.version, r.last_updated, r.deleted, r.body"


def count(practice: int, request: SearchRequest, scope: Scope | None) -> Sql:
    """The exact number of rows that `page` would give without a limit."""
    arms = [_scan(practice, request.type, arm, Key())[2] for arm in _arms(practice, request, scope)]
    if not arms:
        return Sql("", ())
    return Sql("SELECT count(*) FROM (") + Sql.join(" UNION ", arms) + Sql(") u")


def newest(practice: int, request: SearchRequest, scope: Scope | None, per: str, targets: Sequence[str]) -> Sql:
    """For each target the first row among those that refer to it by `per`; one statement however many there are."""
    key = sort_key(request)
    where = Sql.join(
        " AND ",
        [
            *_where(practice, request.type, request.conditions),
            *_scope_where(practice, request.type, request.conditions, scope),
        ],
    )
    inner = (
        Sql(f"SELECT d.resource_id FROM {REFERENCES} d CROSS JOIN inbox_resource r WHERE r.id = d.resource_id")
        + Sql(" AND d.practice_id = %s AND d.param = %s AND d.target = j.c0", practice, f"{request.type}.{per}")
        + (Sql(" AND d.sent IS NOT NULL") if key.column == "sent" else Sql(""))
        + (Sql(" AND ") + where if where.text else Sql(""))
        + Sql(f" ORDER BY d.{key.column} {key.order}, d.resource_id {key.order} LIMIT 1")
    )
    found = Sql("WITH u AS MATERIALIZED (SELECT j.c0 AS target, (") + inner
    # Without MATERIALIZED PostgreSQL reads the whole table once to look up these few rows.
    return (
        found
        + Sql(f") AS id FROM {sql.rows_sql(['text'])}) ", sql.dump([[t] for t in targets]))
        + Sql(f"SELECT {COLUMNS}, u.target")
        + _group_columns(practice, request, scope)
        + Sql(" FROM u CROSS JOIN inbox_resource r WHERE r.id = u.id")
    )


def _arms(practice: int, request: SearchRequest, scope: Scope | None) -> Iterator[Arm]:
    """The arms of a search under a scope, those that can not match left out."""
    wanted = request.conditions
    if scope is None:
        yield from _by_status(request.type, wanted, None)
        return
    possible = [admit for admit in scope.admits if not logic.contradictory((*wanted, *admit.conditions))]
    free = [admit for admit in possible if not admit.follows and logic.implied(admit.conditions, wanted)]
    profiles_only = Scope((), scope.profiles)
    if free:
        yield from _by_status(request.type, wanted, profiles_only)
    elif any(logic.selective(condition) for condition in wanted):
        if possible:
            yield from _by_status(request.type, wanted, Scope(tuple(possible), scope.profiles))
    else:
        for admit in possible:
            limits = Scope((admit,), scope.profiles) if admit.follows else profiles_only
            yield from _by_status(request.type, tuple(dict.fromkeys((*wanted, *admit.conditions))), limits)


def _by_status(type: str, conditions: Conditions, scope: Scope | None) -> Iterator[Arm]:
    """One arm for each status, where that lets an index give the rows in order."""
    statuses = logic.statuses(type, conditions)
    if statuses is None or len(statuses) > 4:
        yield Arm(conditions, scope)
        return
    rest = tuple(one for one in conditions if not logic.is_status(one))
    for status in statuses:
        yield Arm(rest, scope, [Sql("{status} = %s", status)])


def _select(practice: int, type: str, arm: Arm, key: Key, limit: int, after: tuple[object, int] | None) -> Sql:
    column, id, scan = _scan(practice, type, arm, key)
    if after is not None:
        scan += Sql(f" AND ({column}, {id}) {'<' if key.descending else '>'} (%s, %s)", *after)
    return scan + Sql(f" ORDER BY k {key.order}, id {key.order} LIMIT %s", limit)


def _scan(practice: int, type: str, arm: Arm, key: Key) -> tuple[str, str, Sql]:
    """The columns of key and id in the index that gives the order, and `SELECT id, k FROM … WHERE …` of one arm."""
    driver = logic.driver(arm.conditions)
    table = terms.table(driver, key.column)
    column = _key_column(type, key, "d" if table else "r")
    id = "d.resource_id" if table else "r.id"
    head = Sql(f"SELECT {'DISTINCT ' if table == TOKENS else ''}{id} AS id, ")
    parts = []
    if table and driver is not None:
        source = Sql(f" AS k FROM {table} d CROSS JOIN inbox_resource r WHERE r.id = d.resource_id AND ")
        parts.append(terms.drives(practice, driver, "d"))
        if key.column == "sent":
            parts.append(Sql("d.sent IS NOT NULL"))
        if type != "Communication":
            parts.append(Sql("d.is_header IS NULL"))
    else:
        source = Sql(" AS k FROM inbox_resource r WHERE ")
        parts.append(Sql("r.practice_id = %s AND r.type = %s AND NOT r.deleted", practice, type))
        if driver is not None:
            parts.append(terms.inside(practice, driver))
    alias = "d" if table == REFERENCES else "r"
    rest = [one for one in arm.conditions if one is not driver]
    parts += [Sql(part.text.replace("{status}", f"{alias}.status"), part.params) for part in arm.parts]
    parts += _where(practice, type, rest, header="d" if table else "r")
    parts += _scope_where(practice, type, arm.conditions, arm.scope)
    return column.text, id, head + column + source + Sql.join(" AND ", parts)


def _key_column(type: str, key: Key, alias: str) -> Sql:
    if key.column == "fhir_id":
        return Sql("r.fhir_id")
    if key.column:
        return Sql(f"{alias}.{key.column}")
    missing = -(2**62) if key.descending else 2**62
    dates = f"SELECT min(x.low) FROM inbox_dateindex x WHERE x.resource_id = r.id AND x.param = '{key.param}'"
    return Sql(f"coalesce(({dates}), {missing})")


def _where(practice: int, type: str, conditions: Iterable[Condition], *, header: str = "r") -> list[Sql]:
    return [terms.where(practice, one, "r", header) for one in conditions]


def _scope_where(practice: int, type: str, wanted: Conditions, scope: Scope | None) -> list[Sql]:
    """What the scope adds: any of its entries, and a draft only for its sender."""
    if scope is None:
        return []
    parts = []
    if scope.admits:
        parts.append(_any(practice, type, scope.admits, "r"))
    if type == "Communication" and logic.drafts_possible(wanted):
        parts.append(_drafts(scope.profiles, "r"))
    return parts


def _drafts(profiles: Sequence[str], r: str) -> Sql:
    own = Sql.values(profiles)
    return (
        Sql(f"({r}.status <> 'preparation' OR EXISTS (SELECT 1 FROM {REFERENCES} x WHERE x.resource_id = {r}.id")
        + Sql(" AND x.param = 'Communication.sender' AND x.target IN ")
        + own
        + Sql("))")
    )


def _any(practice: int, type: str, admits: Sequence[Admit], r: str) -> Sql:
    if not admits:
        return Sql("(1 = 0)")
    return Sql("(") + Sql.join(" OR ", [_admit(practice, type, admit, r) for admit in admits]) + Sql(")")


def _admit(practice: int, type: str, admit: Admit, r: str) -> Sql:
    parts = [terms.where(practice, one, r, r) for one in admit.conditions]
    if admit.follows:
        parts.append(_follows(practice, type, admit, r))
    return Sql("(") + (Sql.join(" AND ", parts) if parts else Sql("1 = 1")) + Sql(")")


def _follows(practice: int, type: str, admit: Admit, r: str) -> Sql:
    """One step: the resource that this one refers to is admitted by an entry that does not itself follow."""
    steps = []
    for target, admits in admit.followed:
        steps.append(
            Sql(f"EXISTS (SELECT 1 FROM {REFERENCES} f CROSS JOIN inbox_resource p WHERE f.resource_id = {r}.id")
            + Sql(
                " AND f.param = %s AND p.practice_id = %s AND p.type = %s", f"{type}.{admit.follows}", practice, target
            )
            + Sql(f" AND f.target = '{target}/' || p.fhir_id AND p.fhir_id = substr(f.target, {len(target) + 2})")
            + Sql(" AND NOT p.deleted AND ")
            + _any(practice, target, admits, "p")
            + Sql(")")
        )
    return Sql("(") + (Sql.join(" OR ", steps) if steps else Sql("1 = 0")) + Sql(")")


def _group_columns(practice: int, request: SearchRequest, scope: Scope | None) -> Sql:
    """A boolean for each group; of a group that the search itself implies the data need not be asked."""
    columns = []
    for group in scope.groups if scope else ():
        implied = any(not one.follows and logic.implied(one.conditions, request.conditions) for one in group)
        columns.append(Sql(", true") if implied else Sql(", ") + _any(practice, request.type, group, "r"))
    return Sql.join("", columns)
