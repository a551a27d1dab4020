"""Who acts: a membership becomes an actor and the repository that is limited to what this one may see and do."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from inbox.fhir import connect
from inbox.fhir import policy as policies
from inbox.fhir.guard import Guarded
from inbox.fhir.outcome import FHIRError
from inbox.fhir.types import Actor

from .models import Membership, User

UNUSABLE = (FHIRError, ValueError, TypeError, AttributeError, KeyError)
"""What a policy of the wrong shape raises while it is compiled."""


KEY = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?")
"""`Actor.membership`: the membership that acts, and after the dot that of the client through which it does."""


class Broken(Exception):
    """The policy of a membership can not be used."""


def active_memberships(user: User) -> list[Membership]:
    """All active memberships of an account, oldest first, in one query."""
    found = Membership.objects.filter(user=user, active=True)
    return list(found.select_related("policy", "practice").order_by("id"))


def act(chosen: Membership, others: Sequence[Membership], *, through: Membership | None = None) -> Guarded:
    """The repository of one membership among the `others` of the same account; raises Broken.

    `through` is the membership of the client that acts for this person: then both policies limit what it may do.
    The policy is compiled here and not at its first use: one that can not be enforced opens nothing at all.
    """
    actor = Actor(
        practice=chosen.practice_id,
        profile=chosen.profile,
        profiles=tuple(each.profile for each in others if each.practice_id == chosen.practice_id),
        display=chosen.display,
        request_id=uuid4().hex,
        membership=f"{chosen.pk}.{through.pk}" if through else str(chosen.pk),
    )
    try:
        return connect(actor, effective(chosen, through))
    except UNUSABLE as error:
        raise Broken(error) from error


def effective(chosen: Membership, through: Membership | None) -> Mapping[str, Any] | None:
    """The AccessPolicy that limits a membership, together with that of the client that acts for it; raises Broken."""
    own = policy_of(chosen)
    return policies.both(own, policy_of(through)) if through else own


def policy_of(membership: Membership) -> dict[str, Any] | None:
    """The AccessPolicy as FHIR JSON, None where there is none; raises Broken."""
    row = membership.policy
    if row is None:
        return None
    try:
        policy = json.loads(row.body)
    except (ValueError, RecursionError) as error:
        raise Broken("it is not JSON") from error
    if row.practice_id != membership.practice_id:
        raise Broken("it belongs to another practice")
    if not isinstance(policy, dict) or not isinstance(policy.get("resource", []), list):
        raise Broken("it is not an AccessPolicy")
    return policy


def through_client(client: Membership, user: User | None) -> Guarded | None:
    """The repository that a client opens: its own, or that of a person for whom it acts.

    None when that person is no member of its practice. Raises Broken.
    """
    return act(client, [client]) if user is None else for_person(user, client)


def for_person(user: User, app: Membership) -> Guarded | None:
    """The repository of a person as an app may use it for them, None when they are no member of its practice.

    The oldest membership in that practice acts, as on the pages. Raises Broken.
    """
    others = active_memberships(user) if user.is_active else []
    chosen = next((each for each in others if each.practice_id == app.practice_id), None)
    return act(chosen, others, through=app) if chosen else None


def reconnect(key: str) -> Guarded | None:
    """What `inbox.fhir.members.reconnect` asks for: see there."""
    found = behind(key)
    if found is None:
        return None
    chosen, through = found
    others = [chosen] if chosen.user is None else active_memberships(chosen.user)
    try:
        return act(chosen, others, through=through)
    except Broken:
        return None


def behind(key: str) -> tuple[Membership, Membership | None] | None:
    """The membership of an `Actor.membership`, and that of the client it acts through; None when one has ended."""
    match = KEY.fullmatch(key)
    if match is None:
        return None
    ids = [int(one) for one in match.groups() if one]
    found = Membership.objects.filter(pk__in=ids, active=True).select_related("policy", "practice", "user")
    members = {each.pk: each for each in found}
    if len(members) < len(set(ids)):
        return None
    chosen = members[ids[0]]
    if chosen.user is not None and not chosen.user.is_active:
        return None
    return chosen, members[ids[1]] if ids[1:] else None
