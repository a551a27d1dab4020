"""Conditions on linked resources (chains and `_has`) on a remote server: asked for there, judged here.

A linked resource counts where its own scope admits it, so nothing hidden decides what is found.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from . import searchparams
from .capability import Capability
from .conditions import Link
from .remote_judge import Judge, meets
from .scope import FoundPage, Scope
from .search import Condition, ReferenceValue, SearchRequest, encode
from .types import Params, Resource, split_reference

Find = Callable[[SearchRequest, Scope | None], FoundPage]
Present = Callable[[str, Iterable[str]], list[Resource]]


@dataclass(frozen=True)
class Links:
    """The links of one search; `scopes` has one for each condition of each link, or nothing at all."""

    links: tuple[Link, ...]
    scopes: tuple[tuple[Scope, ...], ...]
    judge: Judge
    find: Find
    present: Present
    _targets: dict[str, Resource] = field(default_factory=dict)

    def asked(self, type: str, known: Capability) -> Params:
        """What of the links a server can be asked for in one parameter each."""
        found: Params = []
        for link in self.links:
            plain = len(link.conditions) == 1 and not link.conditions[0].modifier
            if plain and not link.conditions[0].param.source and known.searches(type, link.param.code):
                found += encode(SearchRequest(type, (), links=(link,)))
        return found

    def fetch(self, rows: Sequence[Resource]) -> None:
        """Read what these rows refer to by the links, in few questions."""
        wanted: dict[str, set[str]] = {}
        for link in self.links if rows else ():
            for row in () if link.reverse else rows:
                for _, target in searchparams.references(row, link.param.code):
                    type, id = split_reference(target)
                    if type and f"{type}/{id}" not in self._targets:
                        wanted.setdefault(type, set()).add(id)
        for type, ids in wanted.items():
            self._targets.update({f"{type}/{one['id']}": one for one in self.present(type, sorted(ids))})

    def met(self, row: Resource) -> bool:
        """Whether a row has what every link asks for."""
        return all(
            any(self._met(row, link, condition, scope) for condition, scope in self._each(index, link))
            for index, link in enumerate(self.links)
        )

    def _each(self, index: int, link: Link) -> list[tuple[Condition, Scope | None]]:
        scopes: Sequence[Scope | None] = self.scopes[index] if self.scopes else [None] * len(link.conditions)
        return list(zip(link.conditions, scopes, strict=True))

    def _met(self, row: Resource, link: Link, condition: Condition, scope: Scope | None) -> bool:
        if not link.reverse:
            found = [self._targets.get(target) for _, target in searchparams.references(row, link.param.code)]
            return any(one is not None and self._counts(one, condition, scope) for one in found)
        back = Condition(link.param, "", (ReferenceValue((f"{row['resourceType']}/{row['id']}",)),))
        return bool(self.find(SearchRequest(condition.param.base, (condition, back), count=1), scope).rows)

    def _counts(self, target: Resource, condition: Condition, scope: Scope | None) -> bool:
        if target["resourceType"] != condition.param.base or not meets(target, (condition,)):
            return False
        return scope is None or self.judge.within(target, self.judge.scope(scope))
