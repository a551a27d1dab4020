"""What can be known of conditions without looking at data: which one drives, which contradict, which are implied."""

from collections.abc import Iterable, Sequence
from functools import cache

from . import r4data
from .search import Condition, ReferenceValue, TokenValue

SINGLE = {
    *(f"Communication.{code}" for code in ("sender", "subject", "patient", "encounter")),
    *(f"Task.{code}" for code in ("owner", "subject", "patient", "focus", "encounter", "intent")),
}
"""Parameters whose element has one value at most, so that two different values exclude each other.

By type, as the `encounter` of a DocumentReference is a list. Every status and `_id` is single too.
"""

MANY = 10_000
"""So many comparisons are worth knowing that two conditions exclude each other."""
NAMED = "reference:identifier"
"""What a reference names by an identifier is as telling as an identifier."""
RANK = {"_id": 0, "identifier": 1, "part-of": 2, "focus": 3, "target": 3, "recipient": 5, "owner": 5}


def positive(condition: Condition) -> bool:
    """Whether a condition names values that a match must have."""
    return condition.modifier == ""


def is_status(condition: Condition) -> bool:
    """Whether a condition is about the `status` column of the row."""
    parameter = condition.param
    return parameter.code == "status" and parameter.type == "token"


def selective(condition: Condition) -> bool:
    """Whether a condition by itself leaves few rows: an id, an identifier or a reference."""
    if not positive(condition):
        return False
    param = condition.param
    return param.code in ("_id", "identifier") or param.type == "reference" or param.source == NAMED


def driver(conditions: Sequence[Condition]) -> Condition | None:
    """The condition that a scan starts from: the one expected to leave the fewest rows; None to scan in key order."""
    usable = [one for one in conditions if positive(one) and one.param.type in ("reference", "token", "string", "uri")]
    usable = [one for one in usable if not is_status(one) and one.param.code != "_tag"]
    return min(usable, key=rank, default=None)


def rank(condition: Condition) -> int:
    """How many rows a condition is expected to leave, on a scale of our own: 0 is one, above 10 is most."""
    if condition.param.source == NAMED:
        return RANK["identifier"]
    kinds = {"reference": 6, "token": 9, "uri": 9, "string": 10}
    return RANK.get(condition.param.code, kinds.get(condition.param.type, 11))


def values(condition: Condition) -> set[object]:
    return set(condition.values)


def statuses(type: str, conditions: Iterable[Condition]) -> list[str] | None:
    """The statuses that a row may have under these conditions, or None when they say nothing (or it is unknown)."""
    mine = [one for one in conditions if is_status(one)]
    # A row without a status meets `:not`, and has no place in a list of statuses.
    if not any(positive(one) for one in mine) and not (mine and _has_status(type)):
        return None
    every = set(r4data.status_codes(type))
    for one in mine:
        codes = {value.code for value in one.values if isinstance(value, TokenValue) and value.code}
        if one.modifier == "":
            every = (every & codes) if every else codes
        elif one.modifier == "not" and every:
            every -= codes
        else:
            return None
    return sorted(every)


@cache
def _has_status(type: str) -> bool:
    """Whether R4 requires a status of this type."""
    shape = r4data.shape(type)
    return shape is not None and any(name == "status" for name, _ in shape.required)


def headers(conditions: Iterable[Condition]) -> list[bool | None]:
    """Whether Communications under these conditions are headers, messages or both; None where a condition says so."""
    mine = [one for one in conditions if one.param.key == "Communication.part-of"]
    if any(one.modifier == "missing" for one in mine):
        return [None]
    return [False] if any(positive(one) for one in mine) else [True, False]


def drafts_possible(conditions: Iterable[Condition]) -> bool:
    """Whether rows of status `preparation` can match at all."""
    found = statuses("Communication", conditions)
    return found is None or "preparation" in found


def contradictory(conditions: Sequence[Condition]) -> bool:
    """Whether no row can match all of these."""
    return any(
        _exclude(one, other)
        for index, one in enumerate(conditions)
        for other in conditions[index + 1 :]
        if one.param.code == other.param.code
    )


def _exclude(one: Condition, other: Condition) -> bool:
    if one.modifier == "missing" and other.modifier == "missing":
        return one.values != other.values
    if "missing" in (one.modifier, other.modifier):
        missing, rest = (one, other) if one.modifier == "missing" else (other, one)
        return _is_missing(missing) and positive(rest)
    if not _literal(one) or not _literal(other):
        return False
    if positive(one) and positive(other):
        return _single(one) and _disjoint(one, other)
    for yes, no in ((one, other), (other, one)):
        if positive(yes) and no.modifier == "not":
            return values(yes) <= values(no)
    return False


def _single(condition: Condition) -> bool:
    return condition.param.code == "_id" or is_status(condition) or condition.param.key in SINGLE


def _is_missing(condition: Condition) -> bool:
    return any(getattr(value, "missing", False) for value in condition.values)


def _literal(condition: Condition) -> bool:
    """Whether the values are written out, not computed by the database (pools, roles)."""
    return all(isinstance(value, TokenValue | ReferenceValue) for value in condition.values)


def _disjoint(one: Condition, other: Condition) -> bool:
    """Whether no value meets both of these literal conditions; thousands of values are compared as sets."""
    mine, theirs = _plain(one), _plain(other)
    if mine is not None and theirs is not None:
        return mine.isdisjoint(theirs)
    if len(one.values) * len(other.values) > MANY:
        return False
    return not any(_overlap(a, b) for a in one.values for b in other.values)


def _plain(condition: Condition) -> set[str] | None:
    """The codes or targets of a condition, where nothing else counts."""
    found: set[str] = set()
    for value in condition.values:
        if isinstance(value, ReferenceValue):
            found.update(value.targets)
        elif isinstance(value, TokenValue) and value.system is None and value.code is not None:
            found.add(value.code)
        else:
            return None
    return found


def _overlap(one: object, other: object) -> bool:
    if isinstance(one, TokenValue) and isinstance(other, TokenValue):
        same_code = one.code is None or other.code is None or one.code == other.code
        return same_code and (one.system is None or other.system is None or one.system == other.system)
    return True


def implied(conditions: Iterable[Condition], wanted: Sequence[Condition]) -> bool:
    """Whether every row that matches all of `wanted` matches these conditions too."""
    return all(any(_implies(other, one) for other in wanted) for one in conditions)


def _implies(given: Condition, one: Condition) -> bool:
    if given.param.code != one.param.code or given.param.type != one.param.type:
        return False
    if given == one:
        return True
    if positive(given) and one.modifier == "missing":
        return not _is_missing(one)
    if positive(given) and positive(one):
        return values(given) <= values(one)
    if positive(given) and one.modifier == "not" and _single(given):
        return _literal(given) and _literal(one) and _disjoint(given, one)
    return given.modifier == "not" and one.modifier == "not" and values(given) >= values(one)
