"""SearchRequest and access scope to SQL: index-ordered scans, merged; criteria are part of the statement.

A search is one or more *arms*. An arm is a conjunction that is driven by its most selective condition, so that rows
come in order straight from an index and stop at the page's length. A scope (the entries that admit a row, ORed) is a
filter where the search itself is selective, and otherwise one arm for each entry.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from . import admits, keys, links, logic, sql, terms
from .keys import After, Key
from .scope import Conditions, Scope
from .search import Condition, SearchRequest
from .terms import REFERENCES, TOKENS, Sql

COLUMNS = "r.id, r.type, r.fhir_id, r.version, r.last_updated, r.deleted, r.body"


@dataclass
class Arm:
    """A conjunction; `status` and `header` are conditions on the columns of that name, "" and None for none.

    `linked`: a link drives it, not a condition.
    """

    conditions: Conditions
    scope: Scope | None
    status: str = ""
    header: bool | None = None
    linked: bool = False


def page(practice: int, request: SearchRequest, scope: Scope | None, limit: int, after: After | None) -> Sql:
    """Rows `r.*`, the sort keys and one column for each group of the scope, in order, at most `limit`."""
    order = keys.of(request)
    more = links.where(practice, request, scope)
    most = limit + request.offset
    arms = [_select(practice, request.type, arm, order, more, most, after) for arm in _arms(request, scope, order[0])]
    if not arms:
        return Sql("", ())
    union = Sql.join(" UNION ", [Sql("SELECT * FROM (") + arm + Sql(f") a{i}") for i, arm in enumerate(arms)])
    inner = union if len(arms) > 1 else arms[0]
    ks = "".join(f", u.k{index}" for index in range(len(order)))
    return (
        Sql(f"SELECT {COLUMNS}{ks}")
        + _group_columns(practice, request, scope)
        + Sql(" FROM (")
        + inner
        + Sql(f") u CROSS JOIN inbox_resource r WHERE r.id = u.id ORDER BY {keys.order(order, 'u.')}")
        + Sql(" LIMIT %s OFFSET %s", limit, request.offset)
    )


def pages(practice: int, asked: Sequence[tuple[SearchRequest, Scope | None]], limit: int) -> Sql:
    """The first rows of several searches in one statement: which search, its row, and its groups; no more in order."""
    width = max((len(scope.groups) for _, scope in asked if scope is not None), default=0)
    parts = []
    for index, (request, scope) in enumerate(asked):
        found = page(practice, request, scope, limit, None)
        if found.text:
            spare = ", false" * (width - len(scope.groups if scope is not None else ()))
            parts.append(Sql(f"SELECT {index} AS i, s{index}.*{spare} FROM (") + found + Sql(f") s{index}"))
    return Sql.join(" UNION ALL ", parts)


def count(practice: int, request: SearchRequest, scope: Scope | None) -> Sql:
    """The exact number of rows that `page` would give without a limit."""
    more = links.where(practice, request, scope)
    arms = [_scan(practice, request.type, arm, (Key(),), more)[2] for arm in _arms(request, scope, Key())]
    if not arms:
        return Sql("", ())
    return Sql("SELECT count(*) FROM (") + Sql.join(" UNION ", arms) + Sql(") u")


def newest(practice: int, request: SearchRequest, scope: Scope | None, per: str, targets: Sequence[str]) -> Sql:
    """For each target the first row among those that refer to it by `per`; one statement however many there are."""
    key = keys.driving(request)
    where = Sql.join(
        " AND ",
        [
            *_where(practice, request.conditions),
            *links.asked(practice, request, scope),
            *admits.where(practice, request.type, request.conditions, scope),
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


def _arms(request: SearchRequest, scope: Scope | None, key: Key) -> Iterator[Arm]:
    """The arms of a search under a scope, those that can not match left out."""
    wanted = request.conditions
    linked = links.drives(request)
    if scope is None:
        yield from [Arm(wanted, None, linked=True)] if linked else _ordered(request.type, wanted, None, key)
        return
    possible = [admit for admit in scope.admits if not logic.contradictory((*wanted, *admit.conditions))]
    free = [admit for admit in possible if not admit.follows and logic.implied(admit.conditions, wanted)]
    profiles_only = Scope((), scope.profiles)
    limits = profiles_only if free else Scope(tuple(possible), scope.profiles)
    if linked:
        yield from [Arm(wanted, limits, linked=True)] if possible else []
    elif free or any(logic.selective(condition) for condition in wanted):
        yield from _ordered(request.type, wanted, limits, key) if possible else ()
    else:
        for admit in possible:
            limits = Scope((admit,), scope.profiles) if admit.follows else profiles_only
            yield from _ordered(request.type, tuple(dict.fromkeys((*wanted, *admit.conditions))), limits, key)


def _ordered(type: str, conditions: Conditions, scope: Scope | None, key: Key) -> Iterator[Arm]:
    """One arm for each status, and for headers and messages, where that lets an index give the rows in order."""
    statuses = logic.statuses(type, conditions)
    rest = conditions
    if statuses is None or len(statuses) > 4:
        statuses = [""]
    else:
        rest = tuple(one for one in conditions if not logic.is_status(one))
    driver = logic.driver(rest)
    split = type == "Communication" and key.column == "last_updated" and terms.table(driver, key.column)
    for header in logic.headers(rest) if split else [None]:
        for status in statuses:
            yield Arm(rest, scope, status, header)


def _select(
    practice: int, type: str, arm: Arm, order: Sequence[Key], more: list[Sql], limit: int, after: After | None
) -> Sql:
    columns, id, scan = _scan(practice, type, arm, order, more)
    if after is not None:
        scan += Sql(" AND ") + keys.later(order, columns, id, after)
    return scan + Sql(f" ORDER BY {keys.order(order)} LIMIT %s", limit)


def _scan(practice: int, type: str, arm: Arm, order: Sequence[Key], more: list[Sql]) -> tuple[list[str], str, Sql]:
    """The keys and the id as columns of what gives the order, and `SELECT id, k0 … FROM … WHERE …` of one arm."""
    driver = None if arm.linked else logic.driver(arm.conditions)
    table = terms.table(driver, order[0].column)
    columns = keys.columns(order, "d" if table else "r")
    id = "d.resource_id" if table else "r.id"
    head = f"SELECT {'DISTINCT ' if table == TOKENS else ''}{id} AS id, {keys.selected(columns)}"
    parts = []
    if table and driver is not None:
        source = f" FROM {table} d CROSS JOIN inbox_resource r WHERE r.id = d.resource_id AND "
        parts.append(terms.drives(practice, driver, "d"))
        if order[0].column == "sent":
            parts.append(Sql("d.sent IS NOT NULL"))
        if type != "Communication":
            parts.append(Sql("d.is_header IS NULL"))
    else:
        source = f" FROM inbox_resource r{sql.by_number() if driver or arm.linked else ''} WHERE "
        parts.append(Sql("r.practice_id = %s AND r.type = %s AND NOT r.deleted", practice, type))
        if driver is not None:
            parts.append(terms.inside(practice, driver))
    if arm.status:
        parts.append(Sql(f"{'d' if table == REFERENCES else 'r'}.status = %s", arm.status))
    if arm.header is not None:
        parts.append(Sql(f"{'d' if table else 'r'}.is_header = {'true' if arm.header else 'false'}"))
    rest = [one for one in arm.conditions if one is not driver]
    parts += [*_where(practice, rest, header="d" if table else "r"), *more]
    parts += admits.where(practice, type, arm.conditions, arm.scope)
    return columns, id, Sql(head + source) + Sql.join(" AND ", parts)


def _where(practice: int, conditions: Iterable[Condition], *, header: str = "r") -> list[Sql]:
    return [terms.where(practice, one, "r", header) for one in conditions]


def _group_columns(practice: int, request: SearchRequest, scope: Scope | None) -> Sql:
    """A boolean for each group; of a group that the search itself implies the data need not be asked."""
    columns = []
    for group in scope.groups if scope else ():
        implied = any(not one.follows and logic.implied(one.conditions, request.conditions) for one in group)
        columns.append(Sql(", true") if implied else Sql(", ") + admits.any_of(practice, request.type, group, "r"))
    return Sql.join("", columns)
