"""What a guard asks of a back end: the scope of a search, and rows that say which part of the scope admits them."""

from dataclasses import dataclass

from .conditions import Condition
from .types import Resource

Conditions = tuple[Condition, ...]


@dataclass(frozen=True)
class Admit:
    """One policy entry as conditions; `follows` admits by what this parameter refers to, one step."""

    conditions: Conditions
    follows: str = ""
    followed: tuple[tuple[str, tuple["Admit", ...]], ...] = ()


@dataclass(frozen=True)
class Scope:
    """The rows that one actor may find: any of `admits`, and of drafts only their own (`profiles`).

    `groups` ask for one boolean column each: whether any of these admits the row. `linked` has a scope for each
    condition of each link of the search: a linked resource counts where that one admits it.
    """

    admits: tuple[Admit, ...]
    profiles: tuple[str, ...]
    groups: tuple[tuple[Admit, ...], ...] = ()
    linked: tuple[tuple["Scope", ...], ...] = ()


@dataclass(frozen=True)
class Found:
    """One row of a search: the whole resource, and which groups of the scope admit it."""

    resource: Resource
    groups: tuple[bool, ...] = ()


@dataclass(frozen=True)
class FoundPage:
    rows: list[Found]
    next: str = ""
    total: int | None = None


@dataclass(frozen=True)
class Past:
    """A version of a resource as it is shown (one that deleted has only its stamp), and the state to judge it by."""

    version: Resource
    state: Resource


@dataclass(frozen=True)
class PastPage:
    versions: list[Past]
    next: str = ""
