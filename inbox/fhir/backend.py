"""What a guard and the system actor need of wherever the data are: the embedded store, or a remote server."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from .conditions import SearchRequest
from .repository import Repository, Upload, Write, Written
from .scope import Found, FoundPage, PastPage, Scope
from .types import Actor, Resource

T = TypeVar("T")


class Last(Protocol):
    """The last version of a resource; a deleted one still has its last body."""

    @property
    def deleted(self) -> bool: ...

    @property
    def resource(self) -> Resource: ...


class Facts(Protocol):
    """The few facts about people that policies are computed from, as sorted references or codes."""

    def roles(self, profile: str) -> list[str]:
        """The codes of somebody's active PractitionerRoles."""

    def pool_threads(self, profile: str) -> list[str]:
        """The threads of the open, unowned Tasks for somebody's roles."""

    def acted_for(self, profiles: Sequence[str]) -> list[str]:
        """The patients of those among these RelatedPersons that are active today."""

    def contacts(self, patients: Sequence[str]) -> list[str]:
        """Whom these patients may write to: their care teams, carers and own doctors."""


class BackEnd(Repository, Facts, Protocol):
    """A repository in which nothing is hidden, and what a guard asks of it besides."""

    actor: Actor

    def raw(self, type: str, id: str) -> Resource | None:
        """The current state, or None."""

    def present(self, type: str, ids: Iterable[str]) -> list[Resource]:
        """The current states of those of these that exist."""

    def named(self, type: str, ids: Iterable[str]) -> dict[str, Resource]:
        """The current states of what the system made under these ids, which need not be the ids that they have."""

    def locked(self, references: Iterable[str]) -> dict[str, Resource]:
        """The current states of these, what the system made under such an id included; held until the unit ends."""

    def last_version(self, type: str, id: str) -> Last | None: ...

    def past_of_type(self, type: str, count: int, cursor: str) -> PastPage:
        """One page of the versions of a whole type, newest first; raises Invalid where that is not offered."""

    def find(self, request: SearchRequest, scope: Scope | None) -> FoundPage:
        """One page of what a scope admits; None admits everything."""

    def find_each(self, asked: Sequence[tuple[SearchRequest, Scope | None]], limit: int) -> list[list[Found]]:
        """The first rows of each of these searches, `limit` of each at most."""

    def find_newest(
        self, request: SearchRequest, scope: Scope | None, per: str, targets: Sequence[str]
    ) -> dict[str, Found]:
        """For each target the first result among those that refer to it by `per`."""

    def apply(self, writes: Sequence[Write]) -> list[Written]:
        """All writes or none; each is taken as allowed."""

    def atomic(self) -> AbstractContextManager[None]: ...

    def atomically(self, work: Callable[[], T]) -> T:
        """Do work as one unit where the back end can, again when concurrent units could not be put in an order."""

    def lock_condition(self, type: str, condition: str) -> None:
        """Two conditional writes with the same condition wait for each other, where the back end can."""

    def lock(self, writes: Iterable[Write]) -> None:
        """Hold what these writes change and the threads they belong to, where the back end can."""

    def uploader(self, id: str) -> str:
        """Who uploaded a file, as a profile; empty where that is not known."""

    def staged(self, upload: Upload) -> AbstractContextManager[Upload]:
        """Bring a content to where it is kept, before the unit of work that names it; gone again when that fails."""

    def held(self, reference: str) -> Resource | None:
        """A resource that this unit of work has locked; None when it has not, or when there is none."""
