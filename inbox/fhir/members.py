"""Whose account is behind a profile: asked of whoever keeps accounts, which registers itself here."""

import json
from collections.abc import Callable

from . import outcome
from .guard import connect
from .types import Actor, Resource

Lookup = Callable[[int, str], list[str]]
"""(practice, profile) to the JSON of the policies under which this profile signs in; empty without an account."""

_lookups: list[Lookup] = []


def register(lookup: Lookup) -> None:
    """Make known who can tell the policies of a profile."""
    if lookup not in _lookups:
        _lookups.append(lookup)


def admits(practice: int, profile: str, resource: Resource) -> bool | None:
    """Whether any account of this profile may read a resource by its policy; None when there is no account."""
    policies = [text for lookup in _lookups for text in lookup(practice, profile)]
    if not policies:
        return None
    for text in policies:
        try:
            if connect(Actor(practice, profile, (profile,)), json.loads(text) if text else None).admits(resource):
                return True
        except (outcome.FHIRError, ValueError):
            continue
    return False
