"""AccessPolicy: FHIR JSON compiled to entries. It decides nothing itself."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from . import builtin, fhirpath, outcome, r4data, search, searchparams
from .types import Resource

READS = frozenset({"read", "vread", "search", "history"})
WRITES = frozenset({"create", "update", "delete"})
INTERACTIONS = READS | WRITES | {"history-type"}
PARAMETERS = frozenset(
    {"profile", "profiles", "patient", "patients", "roles", "contacts", "poolThreads", "practice", "thread"}
)
LISTS = ("profile", "profiles", "patient", "patients", "roles", "contacts", "poolThreads")
"""The parameters that a write constraint may name too."""
VARIABLE = re.compile(r"%`?(\w+)")
VARIABLES = frozenset({"before", "after", "thread", *LISTS})
OURS = frozenset({"AccessPolicy", "Bot", "Subscription"})
"""Types that live in tables of their own, not in the store."""


@dataclass(frozen=True)
class Criterion:
    """One parameter of an entry's criteria; a value that starts with `%` is a parameter of the policy."""

    code: str
    modifier: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One line of a policy: which resources, which interactions, which fields, under which constraints."""

    name: str
    type: str
    criteria: tuple[Criterion, ...]
    interactions: frozenset[str]
    hidden: frozenset[str] = frozenset()
    readonly: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    handover: frozenset[str] = frozenset()
    follows: str = ""

    @property
    def personal(self) -> bool:
        """Whether it hangs on who asks; the entries of those who oversee a practice do not."""
        return bool(self.follows) or any(value.startswith("%") for one in self.criteria for value in one.values)


@dataclass(frozen=True)
class Policy:
    """The entries of an AccessPolicy by resource type; `warnings` name entries that open a whole type."""

    name: str
    entries: Mapping[str, tuple[Entry, ...]]
    warnings: tuple[str, ...] = ()

    def allowing(self, type: str, interaction: str) -> list[Entry]:
        return [entry for entry in self.entries.get(type, ()) if interaction in entry.interactions]


EMPTY = Policy("none", {})


def compile(policy: Mapping[str, Any] | None) -> Policy:
    """An AccessPolicy as entries; raises Invalid naming the part that can not be enforced. None admits nothing."""
    if policy is None:
        return EMPTY
    return _compile(json.dumps(policy, sort_keys=True))


@lru_cache(maxsize=256)
def _compile(text: str) -> Policy:
    policy = json.loads(text)
    if not isinstance(policy, dict) or policy.get("resourceType") != "AccessPolicy":
        raise outcome.Invalid("This is not an AccessPolicy.", expression="AccessPolicy")
    entries: dict[str, list[Entry]] = {}
    warnings = []
    for index, item in enumerate(_list(policy, "resource", "AccessPolicy")):
        entry = _entry(item, f"AccessPolicy.resource[{index}]")
        if not entry.criteria and not entry.follows and entry.type != builtin.FILE:
            warnings.append(f"{entry.name} opens every {entry.type} of the practice")
        entries.setdefault(entry.type, []).append(entry)
    found = {type: tuple(group) for type, group in entries.items()}
    return Policy(str(policy.get("name", "")), found, tuple(warnings))


KNOWN = frozenset(
    {
        "id",
        "resourceType",
        "criteria",
        "readonly",
        "interaction",
        "hiddenFields",
        "readonlyFields",
        "writeConstraint",
        "follows",
        "handover",
    }
)


def _entry(item: Any, where: str) -> Entry:
    if not isinstance(item, dict):
        raise outcome.Invalid("An entry is an object.", expression=where)
    for unknown in set(item) - KNOWN:
        raise outcome.Invalid(f"Unknown element {unknown}.", expression=f"{where}.{unknown}")
    type = item.get("resourceType")
    if type not in r4data.RESOURCE_TYPES and type not in OURS:
        raise outcome.Invalid(f"Unknown resource type {type}.", expression=f"{where}.resourceType")
    criteria = _criteria(type, item.get("criteria", ""), f"{where}.criteria")
    follows = item.get("follows", "")
    if follows:
        _reference_parameter(type, follows, f"{where}.follows")
    constraints = _list(item, "writeConstraint", where)
    return Entry(
        name=str(item.get("id") or f"{type} {item.get('criteria', '')}".strip()),
        type=type,
        criteria=criteria,
        interactions=_interactions(item, where),
        hidden=frozenset(_fields(item, "hiddenFields", where)),
        readonly=tuple(_fields(item, "readonlyFields", where)),
        constraints=tuple(_constraint(one, f"{where}.writeConstraint") for one in constraints),
        handover=frozenset(_fields(item, "handover", where)),
        follows=follows,
    )


def _list(item: Mapping[str, Any], name: str, where: str) -> list[Any]:
    found = item.get(name, [])
    if not isinstance(found, list):
        raise outcome.Invalid(f"{name} is a list.", expression=f"{where}.{name}")
    return found


def _fields(item: Mapping[str, Any], name: str, where: str) -> list[str]:
    """Names of elements of the entry's type; a name that is none would hide or keep nothing."""
    found = _list(item, name, where)
    shape = r4data.shape(item["resourceType"]) if item["resourceType"] in r4data.RESOURCE_TYPES else None
    known = {*shape.elements, *(choice + "[x]" for choice, _ in shape.choices)} if shape else None
    for one in found:
        if not isinstance(one, str) or one in ("id", "meta", "resourceType") or (known and one not in known):
            raise outcome.Invalid(f"{one} is not an element that {name} can name.", expression=f"{where}.{name}")
    return found


def _interactions(item: Mapping[str, Any], where: str) -> frozenset[str]:
    if item.get("readonly") not in (None, True, False):
        raise outcome.Invalid("readonly is true or false.", expression=f"{where}.readonly")
    if item.get("readonly"):
        return READS
    if "interaction" not in item:
        return READS | WRITES
    named = _list(item, "interaction", where)
    for one in named:
        if one not in INTERACTIONS:
            raise outcome.Invalid(f"Unknown interaction {one}.", expression=f"{where}.interaction")
    return frozenset(named)


def _criteria(type: str, text: Any, where: str) -> tuple[Criterion, ...]:
    if not isinstance(text, str):
        raise outcome.Invalid("criteria is a text.", expression=where)
    if not text:
        return ()
    head, _, query = text.partition("?")
    if head != type:
        raise outcome.Invalid(f"The criteria are about {head}, the entry about {type}.", expression=where)
    return tuple(_criterion(type, part, where) for part in query.split("&")) if query else ()


def _criterion(type: str, part: str, where: str) -> Criterion:
    name, equals, value = part.partition("=")
    code, _, modifier = name.partition(":")
    if not equals or not value or "." in code or code.startswith("_has") or modifier not in ("", "not", "missing"):
        raise outcome.Invalid(
            f"“{part}” can not be enforced: plain parameters, :not and :missing only.", expression=where
        )
    criterion = Criterion(code, modifier, tuple(value.split(",")))
    literal = [one for one in criterion.values if not one.startswith("%")]
    for one in set(criterion.values) - set(literal):
        if one[1:] not in PARAMETERS:
            raise outcome.Invalid(f"Unknown parameter {one} in “{part}”.", expression=where)
        parameter = searchparams.parameter(type, code)
        if modifier == "missing" or (parameter is not None and parameter.type not in ("reference", "token")):
            raise outcome.Invalid(f"“{part}” can not be enforced: {one} is no value for it.", expression=where)
    try:
        asked = search.parse(type, [(name, ",".join(literal) or ("Patient/1" if code != "_id" else "1"))])
    except outcome.Invalid as error:
        raise outcome.Invalid(f"“{part}” can not be enforced: {error.text}", expression=where) from error
    if not asked.conditions:
        raise outcome.Invalid(f"“{part}” can not be enforced: it is no condition.", expression=where)
    return criterion


def _reference_parameter(type: str, code: Any, where: str) -> None:
    parameter = searchparams.parameter(type, code) if isinstance(code, str) else None
    if parameter is None or parameter.type != "reference":
        raise outcome.Invalid(f"{type} has no reference parameter {code} to follow.", expression=where)


def _constraint(item: Any, where: str) -> str:
    text = str(item.get("expression", "")) if isinstance(item, dict) else ""
    try:
        fhirpath.check(text)
    except outcome.Invalid as error:
        raise outcome.Invalid(error.text, expression=where) from error
    for name in VARIABLE.findall(text):
        if name not in VARIABLES:
            raise outcome.Invalid(f"Unknown variable %{name} in “{text}”.", expression=where)
    return text


def both(first: Mapping[str, Any] | None, second: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """An AccessPolicy that admits what both admit: every entry of one joined with every entry of the other.

    Raises Invalid when one of them can not be enforced. `%profile` and its kin mean whoever acts, in both.
    """
    compile(first), compile(second)
    if first is None or second is None or first.get("resource", []) == second.get("resource", []):
        return None if first is None or second is None else first
    found: dict[str, Any] = json.loads(_both(json.dumps(first), json.dumps(second)))
    return found


@lru_cache(maxsize=256)
def _both(first: str, second: str) -> str:
    one, other = json.loads(first), json.loads(second)
    joined = [
        item
        for mine in one.get("resource", [])
        for theirs in other.get("resource", [])
        if mine["resourceType"] == theirs["resourceType"] and (item := _joined(mine, theirs))
    ]
    return json.dumps(
        {"resourceType": "AccessPolicy", "name": f"{one.get('name')} and {other.get('name')}", "resource": joined}
    )


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """An entry that admits what two entries of one type both admit; empty when that can not be said in one."""
    interactions = _interactions(one, "") & _interactions(other, "")
    followed = {item["follows"] for item in (one, other) if item.get("follows")}
    if not interactions or len(followed) > 1:
        return {}
    names = [str(item.get("id") or item.get("criteria") or item["resourceType"]) for item in (one, other)]
    queries = [item.get("criteria", "").partition("?")[2].split("&") for item in (one, other)]
    query = "&".join(dict.fromkeys(part for parts in queries for part in parts if part))
    return {
        "id": " and ".join(dict.fromkeys(names)),
        "resourceType": one["resourceType"],
        "criteria": f"{one['resourceType']}?{query}" if query else "",
        "interaction": sorted(interactions),
        "hiddenFields": sorted({*one.get("hiddenFields", []), *other.get("hiddenFields", [])}),
        "readonlyFields": sorted({*one.get("readonlyFields", []), *other.get("readonlyFields", [])}),
        "writeConstraint": [*one.get("writeConstraint", []), *other.get("writeConstraint", [])],
        "handover": sorted({*one.get("handover", [])} & {*other.get("handover", [])}),
        "follows": next(iter(followed), ""),
    }


def hides(hidden: Iterable[str], element: str) -> bool:
    """Whether a set of hidden fields hides an element: `x` hides `_x`, `x[x]` every choice of it."""
    name = element.removeprefix("_")
    return any(name == one or (one.endswith("[x]") and name.startswith(one[:-3])) for one in hidden)


def visible(resource: Resource, hidden: Iterable[str]) -> Resource:
    """The resource without its hidden fields."""
    fields = list(hidden)
    if not fields:
        return resource
    return {name: value for name, value in resource.items() if not hides(fields, name)}
