"""The protocol that every back end speaks: the embedded store, a remote server, and the guard around either."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from .types import Actor, Bundle, Params, Resource


@dataclass(frozen=True)
class Page:
    """One page of a search: resources in order, the token of the next page, and the exact total when asked for."""

    resources: list[Resource]
    next: str = ""
    total: int | None = None


@dataclass(frozen=True)
class Write:
    """One write of a transaction, or of what follows from it.

    `resource` is the whole new state (None for a delete); `if_match` the version it was made from;
    `if_none_exist` a search query that turns a create into a conditional one.
    """

    method: str
    type: str
    id: str = ""
    resource: Resource | None = None
    if_match: str = ""
    if_none_exist: str = ""


@dataclass(frozen=True)
class Written:
    """What became of a write: the stored resource (None after a delete) and whether it is new."""

    resource: Resource | None
    created: bool = False
    unchanged: bool = field(default=False)


class Repository(Protocol):
    """Reads and writes of one actor. Errors are those of `outcome`: NotFound, Gone, Forbidden, Stale, Invalid …"""

    actor: Actor

    def read(self, type: str, id: str) -> Resource: ...

    def vread(self, type: str, id: str, version: str) -> Resource: ...

    def history(self, type: str, id: str) -> list[Resource]:
        """The versions, newest first; a deleted one has only `resourceType`, `id` and `meta`."""

    def search(self, type: str, params: Params) -> Page:
        """Search with FHIR's parameters; `_cursor` continues after the page that returned it as `next`."""

    def newest(self, type: str, params: Params, *, per: str, targets: Iterable[str]) -> dict[str, Resource]:
        """For each target the first result (by `_sort`) among those whose parameter `per` refers to it."""

    def create(self, resource: Resource, *, if_none_exist: str = "") -> Written: ...

    def update(self, resource: Resource, *, if_match: str = "") -> Written: ...

    def delete(self, type: str, id: str, *, if_match: str = "") -> None: ...

    def transaction(self, bundle: Bundle) -> Bundle:
        """Carry out a transaction Bundle, all or nothing; with each entry's location and resource."""

    def atomic(self) -> AbstractContextManager[None]:
        """All reads and writes inside see one state and are kept together, where the back end can."""

    def may(self, interaction: str, type: str, resource: Resource | None = None) -> bool:
        """Whether this actor's policy allows an interaction at all, or on this state of a resource."""

    def may_search(self, type: str, *codes: str) -> bool:
        """Whether this actor may search a type by all of these parameters; hidden fields are searched by nobody."""

    def may_become(self, before: Resource, after: Resource) -> bool:
        """Whether this actor may change a resource from one state to another."""

    def apply(self, writes: Sequence[Write]) -> list[Written]:
        """Several writes, all or nothing, without the form of a Bundle."""
