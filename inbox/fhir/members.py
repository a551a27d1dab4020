"""Who is behind a profile: asked of whoever keeps accounts and machine clients, which registers itself here."""

import json
from collections.abc import Callable

from . import outcome
from .guard import Guarded, connect
from .types import Actor, Resource

Lookup = Callable[[int, str], list[str]]
"""(practice, profile) to the JSON of the policies under which this profile acts; empty without an account or client."""

Reconnect = Callable[[str], Guarded | None]
"""`Actor.membership` to the repository of that membership as it is today; None when it has ended."""

_lookups: list[Lookup] = []
_reconnects: list[Reconnect] = []


def register(lookup: Lookup, reconnect: Reconnect | None = None) -> None:
    """Make known who can tell the policies of a profile, and who can act again by the key of a membership."""
    if lookup not in _lookups:
        _lookups.append(lookup)
    if reconnect is not None and reconnect not in _reconnects:
        _reconnects.append(reconnect)


def reconnect(key: str) -> Guarded | None:
    """The repository of a membership (`Actor.membership`) under its policy of today.

    None when the person or client was deactivated, lost the membership, or has a policy that can not be enforced.
    """
    found = (ask(key) for ask in _reconnects)
    return next((one for one in found if one is not None), None)


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
