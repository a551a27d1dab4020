"""What a follower may hear of a change: judged by what they may see of the resource now, each time anew.

Criteria are asked of the resource as its reader sees it. Asked of the whole resource they would tell of hidden fields:
who may not read a phone number could learn it by subscribing to it.
"""

from dataclasses import replace

from inbox import fhir
from inbox.fhir import members, outcome, rows
from inbox.fhir.guard import Guarded
from inbox.fhir.rows import Row
from inbox.fhir.search import SearchRequest, matches
from inbox.fhir.types import Resource
from inbox.models import Subscription

GONE = "Whoever subscribed has no access any more."


def state(practice: int, type: str, id: str, interaction: str) -> Row | None:
    """The resource as it is now; None where it was deleted since, or was deleted and is back: another change tells."""
    row = rows.load(practice, [(type, id)]).get((type, id))
    return row if row is not None and row.deleted == (interaction == "delete") else None


def possible(request: SearchRequest, resource: Resource) -> bool:
    """Whether a reader of parts of this resource could find that it meets the criteria; cheap, asked before who reads.

    Only conditions on what is there count: what is hidden can not meet them, and may well meet the others.
    """
    there = tuple(one for one in request.conditions if one.modifier not in ("not", "missing"))
    return matches(replace(request, conditions=there), resource)


def heard(guard: Guarded, request: SearchRequest, resource: Resource) -> Resource | None:
    """The resource as a reader sees it, when they may read it and it meets the criteria as they see it."""
    seen = guard.view(resource)
    return seen if seen is not None and matches(request, seen) else None


def reader(practice: int, membership: str) -> Guarded | None:
    """The repository of a membership as it is today; None once it has ended, or can not be used."""
    try:
        guard = members.reconnect(membership) if membership else None
    except (outcome.FHIRError, ValueError):
        return None
    return guard if guard is not None and guard.actor.practice == practice else None


def owner(subscription: Subscription) -> tuple[Guarded, Resource] | None:
    """The repository of who answers for a Subscription, and the Subscription; None when they may not have it now."""
    guard = reader(subscription.practice_id, subscription.owner)
    body = fhir.system(subscription.practice_id).raw("Subscription", subscription.fhir_id)
    if guard is None or body is None or guard.view(body) is None:
        return None
    return guard, body
