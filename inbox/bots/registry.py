"""Bots by name: Python functions that somebody may call through the API, with the repository of whoever calls.

A package of one's own adds bots by an entry point of the group `fhir_inbox.bots` that leads to a module with functions
under `@bot(…)`.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from inbox.fhir.primitives import ID
from inbox.fhir.repository import Repository
from inbox.fhir.types import Resource

log = logging.getLogger(__name__)

GROUP = "fhir_inbox.bots"
SYSTEM = "https://fhir-inbox.example/bots"
"""The system of the identifier that every bot has: its id."""

Run = Callable[[Repository, Any, str], Any]
"""(repository of the caller, input, content type of the input) to a result.

The input is parsed JSON, text, or bytes, by its content type. A result that is a text is answered as text, bytes as
they are, anything else as JSON; a `Reply` says itself what it is.
"""


class BotError(Exception):
    """What a bot raises when it can not do what was asked; the text is shown to the caller."""


@dataclass(frozen=True)
class Reply:
    """A result that names its content type."""

    content: Any
    content_type: str


@dataclass(frozen=True)
class Bot:
    """A registered function."""

    id: str
    name: str
    run: Run
    description: str = ""

    @property
    def resource(self) -> Resource:
        """The bot as the API shows it."""
        found: Resource = {"resourceType": "Bot", "id": self.id, "name": self.name}
        if self.description:
            found["description"] = self.description
        return {**found, "identifier": [{"system": SYSTEM, "value": self.id}]}


_bots: dict[str, Bot] = {}


def bot(id: str, *, name: str, description: str = "") -> Callable[[Run], Run]:
    """Register a function as a bot; raises ValueError for an id that is none, or that another bot has."""

    def register(run: Run) -> Run:
        if not ID.fullmatch(id):
            raise ValueError(f"{id!r} is no FHIR id.")
        if id in _bots and _bots[id].run is not run:
            raise ValueError(f"There is a bot {id!r} already.")
        _bots[id] = Bot(id, name, run, description)
        return run

    return register


def every() -> list[Bot]:
    """All bots, by id."""
    _load()
    return [_bots[id] for id in sorted(_bots)]


def get(id: str) -> Bot | None:
    _load()
    return _bots.get(id)


def find(identifier: str) -> Iterator[Bot]:
    """The bots with this identifier, written as in a search: `value`, or `system|value`."""
    system, bar, value = identifier.rpartition("|")
    for one in every():
        if one.id == value and (not bar or system == SYSTEM):
            yield one


@cache
def _load() -> None:
    """Import the bots that come along and those of other packages; one that can not be imported stops no other."""
    from . import echo  # noqa: F401

    for one in entry_points(group=GROUP):
        try:
            one.load()
        except Exception:
            log.exception("the bots of %s (%s) can not be loaded", one.name, one.value)
