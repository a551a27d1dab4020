"""AccessPolicy: FHIR JSON compiled to entries, and the parameters that its criteria name. It decides nothing itself."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, Protocol

import fhirpathpy

from . import outcome, r4data, search, searchparams
from .search import Condition, ReferenceValue, TokenValue
from .terms import PoolThreads, RoleCodes
from .types import Actor, Resource

READS = frozenset({"read", "vread", "search", "history"})
WRITES = frozenset({"create", "update", "delete"})
INTERACTIONS = READS | WRITES | {"history-type"}
PARAMETERS = frozenset(
    {"profile", "profiles", "patient", "patients", "roles", "contacts", "poolThreads", "practice", "thread"}
)
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
    for index, item in enumerate(policy.get("resource", [])):
        entry = _entry(item, f"AccessPolicy.resource[{index}]")
        if not entry.criteria and not entry.follows:
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
    return Entry(
        name=str(item.get("id") or f"{type} {item.get('criteria', '')}".strip()),
        type=type,
        criteria=criteria,
        interactions=_interactions(item, where),
        hidden=frozenset(item.get("hiddenFields", ())),
        readonly=tuple(item.get("readonlyFields", ())),
        constraints=tuple(_constraint(one, f"{where}.writeConstraint") for one in item.get("writeConstraint", ())),
        handover=frozenset(item.get("handover", ())),
        follows=follows,
    )


def _interactions(item: Mapping[str, Any], where: str) -> frozenset[str]:
    if item.get("readonly"):
        return READS
    named = item.get("interaction")
    if named is None:
        return READS | WRITES
    for one in named:
        if one not in INTERACTIONS:
            raise outcome.Invalid(f"Unknown interaction {one}.", expression=f"{where}.interaction")
    return frozenset(named)


def _criteria(type: str, text: str, where: str) -> tuple[Criterion, ...]:
    if not text:
        return ()
    head, _, query = text.partition("?")
    if head != type:
        raise outcome.Invalid(f"The criteria are about {head}, the entry about {type}.", expression=where)
    found = []
    for part in query.split("&") if query else []:
        name, equals, value = part.partition("=")
        code, _, modifier = name.partition(":")
        if not equals or not value or "." in code or code.startswith("_has") or modifier not in ("", "not", "missing"):
            raise outcome.Invalid(
                f"“{part}” can not be enforced: plain parameters, :not and :missing only.", expression=where
            )
        criterion = Criterion(code, modifier, tuple(value.split(",")))
        for one in criterion.values:
            if one.startswith("%") and one[1:] not in PARAMETERS:
                raise outcome.Invalid(f"Unknown parameter {one} in “{part}”.", expression=where)
        literal = [one for one in criterion.values if not one.startswith("%")]
        search.parse(type, [(name, ",".join(literal) or ("Patient/1" if code != "_id" else "1"))])
        found.append(criterion)
    return tuple(found)


def _reference_parameter(type: str, code: str, where: str) -> None:
    parameter = searchparams.parameter(type, code)
    if parameter is None or parameter.type != "reference":
        raise outcome.Invalid(f"{type} has no reference parameter {code} to follow.", expression=where)


def _constraint(item: Mapping[str, Any], where: str) -> str:
    text = str(item.get("expression", ""))
    try:
        _fhirpath(text)
    except Exception as error:  # the parser's own errors are many
        raise outcome.Invalid(f"“{text}” is not FHIRPath.", expression=where) from error
    return text


@cache
def _fhirpath(text: str) -> Callable[[Any, Mapping[str, Any]], list[Any]]:
    compiled: Callable[[Any, Mapping[str, Any]], list[Any]] = fhirpathpy.compile(text)
    return compiled


def holds(constraint: str, values: Mapping[str, Any]) -> bool:
    """Whether a write constraint is true, neither false nor empty, for these variables."""
    return _fhirpath(constraint)({}, values) == [True]


class Lookup(Protocol):
    """The few facts that parameters are computed from."""

    def roles(self, profile: str) -> list[str]: ...

    def acted_for(self, profiles: Sequence[str]) -> list[str]: ...

    def contacts(self, patients: Sequence[str]) -> list[str]: ...

    def pool_threads(self, profile: str) -> list[str]: ...


class Parameters:
    """The values of `%profile`, `%patients` … for one actor; each is asked for once, when an entry first needs it."""

    def __init__(self, actor: Actor, lookup: Lookup) -> None:
        self.actor = actor
        self._lookup = lookup

    def values(self, name: str) -> list[str]:
        found = getattr(self, "poolThreads" if name == "poolThreads" else name)
        return list(found)

    @property
    def profile(self) -> list[str]:
        return [self.actor.profile] if self.actor.profile else []

    @property
    def profiles(self) -> list[str]:
        return list(self.actor.profiles or self.profile)

    @cached_property
    def patient(self) -> list[str]:
        """Whom the acting profile writes for: the patient, or the patient of the chosen RelatedPerson."""
        if self.actor.kind == "Patient":
            return self.profile
        return self._lookup.acted_for(self.profile) if self.actor.kind == "RelatedPerson" else []

    @cached_property
    def patients(self) -> list[str]:
        """All patients that this account acts for today."""
        if self.actor.kind == "Patient":
            return self.profile
        carers = [one for one in self.profiles if one.startswith("RelatedPerson/")]
        return self._lookup.acted_for(carers) if carers else []

    @cached_property
    def roles(self) -> list[str]:
        return self._lookup.roles(self.actor.profile)

    @cached_property
    def contacts(self) -> list[str]:
        return self._lookup.contacts(self.patient)

    @cached_property
    def poolThreads(self) -> list[str]:
        return self._lookup.pool_threads(self.actor.profile)

    practice: tuple[str, ...] = ()
    thread: tuple[str, ...] = ()

    def conditions(self, entry: Entry, *, in_sql: bool) -> tuple[Condition, ...] | None:
        """An entry's criteria with the parameters bound; None when one of them is empty, so that nothing matches.

        With `in_sql` pools and roles stay computed by the database; else they are lists of values.
        """
        found = []
        for criterion in entry.criteria:
            condition = self._bind(entry.type, criterion, in_sql)
            if condition is None:
                return None
            found.append(condition)
        return tuple(found)

    def _bind(self, type: str, criterion: Criterion, in_sql: bool) -> Condition | None:
        literal = [value for value in criterion.values if not value.startswith("%")]
        bound: list[Any] = []
        for name in (value[1:] for value in criterion.values if value.startswith("%")):
            values = (
                self._computed(name)
                if in_sql and name in ("roles", "poolThreads")
                else self._values(type, criterion, name)
            )
            if not values:
                return None
            bound += values
        return _condition(type, criterion, literal, bound)

    def _computed(self, name: str) -> list[Any]:
        if self.actor.kind != "Practitioner":
            return []
        return [RoleCodes(self.actor.profile) if name == "roles" else PoolThreads(self.actor.profile)]

    def _values(self, type: str, criterion: Criterion, name: str) -> list[Any]:
        parameter = searchparams.parameter(type, criterion.code)
        assert parameter is not None
        values = self.values(name)
        if criterion.code == "_id":
            return [TokenValue(None, value.partition("/")[2]) for value in values]
        if parameter.type == "reference":
            return [ReferenceValue((value,)) for value in values]
        return [TokenValue(None, value) for value in values]


@lru_cache(maxsize=4096)
def _literal(type: str, code: str, modifier: str, values: tuple[str, ...]) -> Condition:
    name = f"{code}:{modifier}" if modifier else code
    return search.parse(type, [(name, ",".join(values))]).conditions[0]


def _condition(type: str, criterion: Criterion, literal: Iterable[str], bound: list[Any]) -> Condition:
    written = tuple(literal)
    if not bound:
        return _literal(type, criterion.code, criterion.modifier, written)
    parameter = searchparams.parameter(type, criterion.code)
    assert parameter is not None
    values = _literal(type, criterion.code, criterion.modifier, written).values if written else ()
    return Condition(parameter, criterion.modifier, (*values, *bound))


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
