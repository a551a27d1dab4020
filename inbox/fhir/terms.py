"""One search condition as SQL over the row `r`, its index tables, and the computed lists that policies name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from . import sql
from .search import Condition, DateValue, MissingValue, ReferenceValue, StringValue, TokenValue

REFERENCES, TOKENS = "inbox_referenceindex", "inbox_tokenindex"
TABLES = {"reference": REFERENCES, "string": "inbox_stringindex", "date": "inbox_dateindex"}
READ_RECEIPT = "read-receipt"
END = "\U0010ffff"
SHORT = 50
"""So many values stand in a statement by themselves; longer lists are one parameter, read by the database."""


@dataclass(frozen=True)
class Sql:
    """SQL text with its parameters; every value that came from outside is a parameter."""

    text: str
    params: tuple[Any, ...]

    def __init__(self, text: str, *params: Any) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "params", params[0] if params and isinstance(params[0], tuple) else params)

    def __add__(self, other: "Sql") -> "Sql":
        return Sql(self.text + other.text, self.params + other.params)

    @staticmethod
    def join(separator: str, parts: Iterable["Sql"]) -> "Sql":
        parts = list(parts)
        return Sql(separator.join(part.text for part in parts), tuple(p for part in parts for p in part.params))

    @staticmethod
    def values(values: Sequence[Any]) -> "Sql":
        """A list of texts for `IN`, with its parameters; nothing is in an empty one."""
        if not values:
            return Sql("(SELECT 'none' WHERE 1 = 0)", ())
        if len(values) > SHORT:
            return Sql(f"(SELECT j.c0 FROM {sql.rows_sql(['text'])})", sql.dump([[one] for one in values]))
        return Sql("(" + ", ".join(["%s"] * len(values)) + ")", tuple(values))


@dataclass(frozen=True)
class RoleCodes:
    """`%roles` in SQL: the PractitionerRole codes of a profile."""

    profile: str


@dataclass(frozen=True)
class PoolThreads:
    """`%poolThreads` in SQL: threads in focus of requested, ownerless Tasks of the profile's roles."""

    profile: str


def where(practice: int, condition: Condition, r: str = "r", header: str = "r") -> Sql:
    """A condition on the row `r`; `header` is the alias that `is_header` is read from."""
    code, type = condition.param.code, condition.param.type
    if code == "_id":
        return _negated(condition, ids(practice, condition, r))
    if code == "_lastUpdated":
        return _any([_date(f"{r}.last_updated", f"{r}.last_updated + 1", v) for v in condition.values])
    if code == "status" and type == "token":
        return _status(condition, r)
    if condition.modifier == "missing":
        return _missing(condition, r, header)
    if type == "reference":
        return _negated(condition, _exists(condition, r, _targets(practice, condition, "x")))
    if type in ("token", "uri"):
        return _negated(condition, _exists(condition, r, _tokens(practice, condition, "x")))
    if type == "string":
        return _exists(condition, r, _strings(condition, "x"))
    return _exists(condition, r, _any([_date("x.low", "x.high", value) for value in condition.values]))


def table(driver: Condition | None, key: str) -> str:
    """The index table that gives a driver's rows in key order, or nothing where there is none."""
    if driver is None or driver.param.code == "_id" or len(driver.values) != 1:
        return ""
    value = driver.values[0]
    if driver.param.type == "reference" and key and isinstance(value, ReferenceValue) and len(value.targets) == 1:
        return REFERENCES if key in ("last_updated", "sent") else ""
    if driver.param.type in ("token", "uri") and key == "last_updated" and isinstance(value, TokenValue) and value.code:
        return TOKENS
    return ""


def source(driver: Condition) -> str:
    """The index table that holds what a driver looks up."""
    return TABLES.get(driver.param.type, TOKENS)


def drives(practice: int, driver: Condition, d: str) -> Sql:
    """The driver as conditions on the index row `d`."""
    head = Sql(f"{d}.practice_id = %s AND {d}.param = %s AND ", practice, driver.param.key)
    if driver.param.type == "reference":
        return head + _targets(practice, driver, d)
    return head + (_strings(driver, d) if driver.param.type == "string" else _tokens(practice, driver, d))


def inside(practice: int, driver: Condition) -> Sql:
    """The driver as `r.id IN (…)`, for rows that an index does not give in order."""
    if driver.param.code == "_id":
        return numbered(practice, driver.param.base, ids(practice, driver, "y"))
    head = Sql(f"r.id IN (SELECT x.resource_id FROM {source(driver)} x WHERE ")
    return head + drives(practice, driver, "x") + Sql(")")


def numbered(practice: int, type: str, ids: Sql) -> Sql:
    """`r.id IN (…)` for the rows of a type whose ids meet a condition on the row `y`."""
    head = Sql(
        "r.id IN (SELECT y.id FROM inbox_resource y WHERE y.practice_id = %s AND y.type = %s AND ", practice, type
    )
    return head + ids + Sql(")")


def _negated(condition: Condition, match: Sql) -> Sql:
    return Sql("NOT (") + match + Sql(")") if condition.modifier == "not" else match


def _any(parts: Sequence[Sql]) -> Sql:
    return Sql("(") + (Sql.join(" OR ", parts) if parts else Sql("1 = 0")) + Sql(")")


def _exists(condition: Condition, r: str, match: Sql) -> Sql:
    head = f"EXISTS (SELECT 1 FROM {source(condition)} x WHERE x.resource_id = {r}.id AND x.param = %s AND "
    return Sql(head, condition.param.key) + match + Sql(")")


def _missing(condition: Condition, r: str, header: str) -> Sql:
    missing = any(isinstance(value, MissingValue) and value.missing for value in condition.values)
    if condition.param.key == "Communication.part-of":
        return Sql(f"{header}.is_header = {'true' if missing else 'false'}")
    if condition.param.key == "Communication.payload":
        return Sql(f"{r}.has_payload = {'false' if missing else 'true'}")
    there = _exists(condition, r, Sql("1 = 1"))
    return Sql("NOT ") + there if missing else there


def _status(condition: Condition, r: str) -> Sql:
    if condition.modifier == "missing":
        missing = any(isinstance(value, MissingValue) and value.missing for value in condition.values)
        return Sql(f"{r}.status {'=' if missing else '<>'} ''")
    codes = [value.code for value in condition.values if isinstance(value, TokenValue)]
    if len(codes) == 1 and condition.modifier == "":
        return Sql(f"{r}.status = %s", codes[0])
    return Sql(f"{r}.status {'NOT IN' if condition.modifier == 'not' else 'IN'} ") + Sql.values(codes)


def ids(practice: int, condition: Condition, r: str) -> Sql:
    """The ids of a condition on `_id`, as a condition on the row."""
    parts = []
    codes = [value.code for value in condition.values if isinstance(value, TokenValue)]
    if codes:
        parts.append(Sql(f"{r}.fhir_id IN ") + Sql.values(codes))
    for value in condition.values:
        if isinstance(value, PoolThreads):
            parts.append(
                Sql(f"{r}.fhir_id IN (SELECT substr(p.target, 15) FROM (") + _pool(practice, value) + Sql(") p)")
            )
    return _any(parts)


def _targets(practice: int, condition: Condition, x: str) -> Sql:
    targets = [target for value in condition.values if isinstance(value, ReferenceValue) for target in value.targets]
    parts = [_equal(f"{x}.target", targets)] if targets else []
    for value in condition.values:
        if isinstance(value, PoolThreads):
            parts.append(Sql(f"{x}.target IN (") + _pool(practice, value) + Sql(")"))
    return parts[0] if len(parts) == 1 else _any(parts)


def _tokens(practice: int, condition: Condition, x: str) -> Sql:
    """Codes, systems and pairs of both, each kind one list."""
    values = [value for value in condition.values if isinstance(value, TokenValue)]
    codes = [value.code for value in values if value.system is None]
    systems = [value.system for value in values if value.code is None]
    pairs = [[value.system, value.code] for value in values if value.system is not None and value.code is not None]
    parts = [_equal(f"{x}.{name}", found) for name, found in (("code", codes), ("system", systems)) if found]
    if len(pairs) > SHORT:
        both = f"({x}.system, {x}.code) IN (SELECT j.c0, j.c1 FROM {sql.rows_sql(['text', 'text'])})"
        parts.append(Sql(both, sql.dump(pairs)))
    else:
        parts += [Sql(f"{x}.code = %s AND {x}.system = %s", code, system) for system, code in pairs]
    for value in condition.values:
        if isinstance(value, RoleCodes):
            parts.append(Sql(f"{x}.code IN (") + _roles(practice, value.profile) + Sql(")"))
    return parts[0] if len(parts) == 1 else _any(parts)


def _equal(column: str, values: Sequence[Any]) -> Sql:
    return Sql(f"{column} = %s", values[0]) if len(values) == 1 else Sql(f"{column} IN ") + Sql.values(values)


def _roles(practice: int, profile: str) -> Sql:
    """The role codes of a practitioner's PractitionerRoles that are not inactive."""
    return Sql(
        "SELECT t.code FROM inbox_referenceindex o CROSS JOIN inbox_tokenindex t"
        " WHERE o.practice_id = %s AND o.param = 'PractitionerRole.practitioner' AND o.target = %s"
        " AND t.resource_id = o.resource_id AND t.param = 'PractitionerRole.role'"
        " AND NOT EXISTS (SELECT 1 FROM inbox_tokenindex a WHERE a.resource_id = o.resource_id"
        " AND a.param = 'PractitionerRole.active' AND a.code = 'false')",
        practice,
        profile,
    )


def _pool(practice: int, value: PoolThreads) -> Sql:
    """The threads in focus of requested, ownerless Tasks whose performerType is one of the profile's roles."""
    return (
        Sql(
            "SELECT f.target FROM inbox_tokenindex q CROSS JOIN inbox_resource k CROSS JOIN inbox_referenceindex f"
            " WHERE q.practice_id = %s AND q.param = 'Task.performer' AND q.code IN (",
            practice,
        )
        + _roles(practice, value.profile)
        + Sql(
            ") AND k.id = q.resource_id AND k.status = 'requested'"
            " AND NOT EXISTS (SELECT 1 FROM inbox_referenceindex w"
            " WHERE w.resource_id = k.id AND w.param = 'Task.owner')"
            " AND NOT EXISTS (SELECT 1 FROM inbox_tokenindex c WHERE c.resource_id = k.id AND c.param = 'Task.code'"
            " AND c.code = %s)"
            " AND f.resource_id = k.id AND f.param = 'Task.focus'",
            READ_RECEIPT,
        )
    )


def _strings(condition: Condition, x: str) -> Sql:
    parts = []
    for value in condition.values:
        assert isinstance(value, StringValue)
        if condition.modifier == "exact":
            parts.append(Sql(f"({x}.value = %s AND {x}.norm = %s)", value.value, value.norm))
        elif condition.modifier == "contains":
            escaped = value.norm.replace("!", "!!").replace("%", "!%").replace("_", "!_")
            parts.append(Sql(f"{x}.norm LIKE %s ESCAPE '!'", f"%{escaped}%"))
        else:
            parts.append(Sql(f"({x}.norm >= %s AND {x}.norm < %s)", value.norm, value.norm + END))
    return _any(parts)


def _date(low: str, high: str, value: object) -> Sql:
    """FHIR's comparison of two intervals, the stored [low, high) and the one asked for."""
    assert isinstance(value, DateValue)
    begin, end = value.low, value.high
    texts = {
        "eq": (f"{low} >= %s AND {high} <= %s", (begin, end)),
        "ne": (f"NOT ({low} >= %s AND {high} <= %s)", (begin, end)),
        "gt": (f"{high} > %s", (end,)),
        "ge": (f"{high} > %s", (begin,)),
        "lt": (f"{low} < %s", (begin,)),
        "le": (f"{low} < %s", (end,)),
        "sa": (f"{low} >= %s", (end,)),
        "eb": (f"{high} <= %s", (begin,)),
        "ap": (f"{low} < %s AND {high} > %s", (end, begin)),
    }
    text, params = texts[value.prefix]
    return Sql(f"({text})", params)
