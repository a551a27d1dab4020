"""The few facts about people that policies are computed from, read from the embedded store."""

from collections.abc import Callable, Sequence

from . import rows, sql, terms
from .terms import PoolThreads
from .types import Params, Resource, split_reference

Search = Callable[[str, Params], list[Resource]]
"""(type, parameters) -> all that is found, whoever may read it."""


def roles(practice: int, profile: str) -> list[str]:
    """The codes of somebody's active PractitionerRoles."""
    found = terms._roles(practice, profile)
    return sorted({str(one[0]) for one in sql.fetch(found.text, found.params)})


def pool_threads(practice: int, profile: str) -> list[str]:
    """The threads of the open, unowned Tasks for somebody's roles."""
    found = terms._pool(practice, PoolThreads(profile))
    return sorted({str(one[0]) for one in sql.fetch(found.text, found.params)})


def acted_for(practice: int, profiles: Sequence[str]) -> list[str]:
    """The patients of those among these RelatedPersons that are active today."""
    today = rows.instant(rows.now())
    found = rows.load(practice, [split_reference(profile) for profile in profiles])
    active = [row.resource for row in found.values() if not row.deleted]
    return sorted(
        {
            one["patient"]["reference"]
            for one in active
            if one.get("active", True) and _within(one.get("period", {}), today) and "reference" in one["patient"]
        }
    )


def contacts(practice: int, patients: Sequence[str], search: Search) -> list[str]:
    """Whom these patients may write to: the members of their active care teams, their carers, their own doctor."""
    if not patients:
        return []
    either = ",".join(patients)
    teams = search("CareTeam", [("subject", either), ("status", "active")])
    carers = search("RelatedPerson", [("patient", either), ("active", "true")])
    persons = rows.load(practice, [split_reference(one) for one in patients])
    found = [member.get("member", {}).get("reference") for team in teams for member in team.get("participant", [])]
    found += [f"RelatedPerson/{one['id']}" for one in carers]
    for row in persons.values():
        found += [one.get("reference") for one in row.resource.get("generalPractitioner", [])]
    return sorted({one for one in found if one and not one.startswith("Patient/")})


def _within(period: Resource, instant: str) -> bool:
    return str(period.get("start", ""))[:10] <= instant[:10] and (instant[:10] <= str(period.get("end", "9999"))[:10])
