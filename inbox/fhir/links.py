"""Conditions on linked resources as SQL: chains along a reference, `_has` against it.

A link is asked of each row where the search is selective without it. Else the linked resources are found first, so
that a search by nothing but a link costs what it finds. A linked resource counts only where its own scope admits it.
"""

from collections.abc import Iterator, Sequence

from . import admits, logic, sql, terms
from .scope import Conditions, Scope
from .search import Condition, Link, SearchRequest
from .terms import REFERENCES, Sql

Step = tuple[Condition, Scope | None]

FEW = 3
"""The rank of conditions after which so few rows are left that each may be asked."""
COMMON = frozenset({"code", "boolean"})
"""Kinds of tokens that half of all resources may have in common."""


def drives(request: SearchRequest) -> bool:
    """Whether a link, and not a condition, is what a search starts from."""
    return _main(request.conditions) is None and any(_first(link, None) for link in request.links)


def where(practice: int, request: SearchRequest, scope: Scope | None) -> list[Sql]:
    """The links of a search as conditions on the row `r`."""
    main = _main(request.conditions)
    return [
        (_among if _first(link, main) else _asked)(practice, request.type, link, steps)
        for link, steps in _steps(request, scope)
    ]


def asked(practice: int, request: SearchRequest, scope: Scope | None) -> list[Sql]:
    """The links of a search as conditions that are asked of each row `r`."""
    return [_asked(practice, request.type, link, steps) for link, steps in _steps(request, scope)]


def _steps(request: SearchRequest, scope: Scope | None) -> Iterator[tuple[Link, list[Step]]]:
    scopes = scope.linked if scope is not None else [[None] * len(link.conditions) for link in request.links]
    for link, mine in zip(request.links, scopes, strict=True):
        steps = zip(link.conditions, mine, strict=True)
        yield link, [(condition, one) for condition, one in steps if one is None or one.admits]


def _main(wanted: Conditions) -> Condition | None:
    """The condition that makes a search selective without its links."""
    found = logic.driver(wanted)
    return found if found is not None and logic.selective(found) else None


def _first(link: Link, main: Condition | None) -> bool:
    """Whether the linked resources are found first."""
    if all(logic.selective(one) for one in link.conditions):
        return main is None or logic.rank(main) > FEW
    return main is None and all(_telling(one) for one in link.conditions)


def _telling(condition: Condition) -> bool:
    """Whether a condition can be looked up, and is not one that most resources meet."""
    param = condition.param
    return logic.driver([condition]) is not None and (param.type != "token" or not param.kinds <= COMMON)


def _asked(practice: int, type: str, link: Link, steps: Sequence[Step]) -> Sql:
    """`EXISTS` for each type that the linked resource may have."""
    parts = []
    for condition, scope in steps:
        source = Sql(f"EXISTS (SELECT 1 FROM {REFERENCES} e CROSS JOIN inbox_resource l WHERE ")
        parts.append(source + _edge_of_row(practice, type, link, condition) + Sql(" AND "))
        parts[-1] += _admitted(practice, condition, scope) + Sql(" AND ")
        # The offset keeps PostgreSQL from joining all linked resources there are to answer for a page of rows.
        parts[-1] += terms.where(practice, condition, "l", "l") + Sql(" LIMIT 1 OFFSET 0)")
    return _either(parts)


def _edge_of_row(practice: int, type: str, link: Link, condition: Condition) -> Sql:
    """The references between the row `r` and linked resources `l`, looked up from the row."""
    target = condition.param.base
    if link.reverse:
        return Sql(
            f"e.practice_id = %s AND e.param = %s AND e.target = {sql.reference(type, 'r.fhir_id')}"
            " AND l.id = e.resource_id",
            practice,
            link.param.key,
        )
    return Sql(
        "e.resource_id = r.id AND e.param = %s AND l.practice_id = %s AND l.type = %s"
        f" AND e.target = '{target}/' || l.fhir_id AND l.fhir_id = substr(e.target, {len(target) + 2})",
        link.param.key,
        practice,
        target,
    )


def _among(practice: int, type: str, link: Link, steps: Sequence[Step]) -> Sql:
    """`IN`: the rows that linked resources, found first, lead to."""
    found = [_leading(practice, type, link, condition, scope) for condition, scope in steps]
    if not found:
        return Sql("(1 = 0)")
    linked = Sql.join(" UNION ", found)
    if link.reverse:
        return terms.numbered(practice, type, Sql("y.fhir_id IN (") + linked + Sql(")"))
    return Sql("r.id IN (") + linked + Sql(")")


def _leading(practice: int, type: str, link: Link, condition: Condition, scope: Scope | None) -> Sql:
    """The rows of one type of linked resource: their numbers, or of a reversed link their ids."""
    linked = condition.param.base
    if condition.param.code == "_id":
        tables = "inbox_resource l"
        looked = Sql("l.practice_id = %s AND l.type = %s AND ", practice, linked) + terms.ids(practice, condition, "l")
    else:
        tables = f"{terms.source(condition)} v CROSS JOIN inbox_resource l"
        looked = terms.drives(practice, condition, "v") + Sql(" AND l.id = v.resource_id")
    size = len(type) + 1
    if link.reverse:
        column = f"substr(e.target, {size + 1})"
        edge = Sql(f"e.resource_id = l.id AND substr(e.target, 1, {size}) = '{type}/'")
    else:
        column = "e.resource_id"
        edge = Sql(f"e.practice_id = %s AND e.target = {sql.reference(linked, 'l.fhir_id')}", practice)
    parts = [looked, _admitted(practice, condition, scope), Sql("e.param = %s", link.param.key), edge]
    return Sql(f"SELECT {column} FROM {tables} CROSS JOIN {REFERENCES} e WHERE ") + Sql.join(" AND ", parts)


def _admitted(practice: int, condition: Condition, scope: Scope | None) -> Sql:
    return Sql("NOT l.deleted AND ") + admits.within(practice, condition.param.base, scope, "l")


def _either(parts: Sequence[Sql]) -> Sql:
    return Sql("(") + (Sql.join(" OR ", parts) if parts else Sql("1 = 0")) + Sql(")")
