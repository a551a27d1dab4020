"""The parameters that policies name (`%profile`, `%patients` …): their values for one actor, bound to criteria."""

from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import Any

from . import search, searchparams
from .backend import Facts
from .policy import Criterion, Entry
from .search import Condition, ReferenceValue, TokenValue
from .terms import PoolThreads, RoleCodes
from .types import Actor


class Parameters:
    """The values of `%profile`, `%patients` … for one actor; each is asked for once, when an entry first needs it."""

    def __init__(self, actor: Actor, lookup: Facts) -> None:
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
                if in_sql and name in ("roles", "poolThreads") and not criterion.modifier
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
