"""Whether a scope admits a row that a remote server gave, judged in memory as the store judges it in SQL."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from . import builtin, searchparams
from .scope import Admit, Conditions, Found, Scope
from .search import Condition, ReferenceValue, SearchRequest, TokenValue, matches
from .terms import PoolThreads, RoleCodes
from .types import Resource, split_reference


@dataclass
class Judge:
    """Who may find a row: a scope with its computed values, judged in memory."""

    raw: Callable[[str], Resource | None]
    roles: Callable[[str], list[str]]
    threads: Callable[[str], list[str]]

    def literal(self, conditions: Iterable[Condition]) -> Conditions | None:
        """Conditions with `%roles` and `%poolThreads` as lists of values; None when one of them has no value left."""
        found = []
        for one in conditions:
            values = tuple(each for value in one.values for each in self._values(one, value))
            if not values:
                return None
            found.append(replace(one, values=values) if values != one.values else one)
        return tuple(found)

    def _values(self, condition: Condition, value: object) -> list[Any]:
        if isinstance(value, RoleCodes):
            return [TokenValue(None, one) for one in self.roles(value.profile)]
        if isinstance(value, PoolThreads):
            threads = self.threads(value.profile)
            if condition.param.code == "_id":
                return [TokenValue(None, one.partition("/")[2]) for one in threads]
            return [ReferenceValue((one,)) for one in threads]
        return [value]

    def scope(self, scope: Scope) -> Scope:
        """The scope without computed values; entries that can admit nothing are gone from `admits`."""
        admits = [self.admit(one) for one in scope.admits]
        groups = tuple(tuple(one for each in group if (one := self.admit(each))) for group in scope.groups)
        return Scope(tuple(one for one in admits if one), scope.profiles, groups)

    def admit(self, admit: Admit) -> Admit | None:
        conditions = self.literal(admit.conditions)
        if conditions is None:
            return None
        followed = [(type, tuple(one for step in steps if (one := self.admit(step)))) for type, steps in admit.followed]
        followed = [(type, steps) for type, steps in followed if steps]
        return None if admit.follows and not followed else Admit(conditions, admit.follows, tuple(followed))

    def within(self, resource: Resource, scope: Scope) -> bool:
        own = builtin.draft_visible(resource, scope.profiles)
        return own and any(self.admits(one, resource) for one in scope.admits)

    def found(self, resource: Resource, scope: Scope | None) -> Found:
        groups = scope.groups if scope is not None else ()
        return Found(resource, tuple(any(self.admits(one, resource) for one in group) for group in groups))

    def admits(self, admit: Admit, resource: Resource) -> bool:
        if not meets(resource, admit.conditions):
            return False
        return not admit.follows or any(
            self.admits(step, parent)
            for _, target in searchparams.references(resource, admit.follows)
            for type, steps in admit.followed
            if split_reference(target)[0] == type and (parent := self.raw(target)) is not None
            for step in steps
        )


def meets(resource: Resource, conditions: Conditions) -> bool:
    """Whether a resource meets all of these, judged by the resource alone."""
    return matches(SearchRequest(resource["resourceType"], conditions), resource)
