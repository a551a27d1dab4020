"""The facts about people that policies are computed from, by searches of a remote server."""

from collections.abc import Iterable, Sequence

from . import rows
from .repository import Page
from .types import Actor, Params, Resource, split_reference

READ_RECEIPT = "read-receipt"
"""Tasks with this code are read marks, never a queue."""
PAST = 1_000
"""Rows of one list that are looked at."""


class Facts:
    """What a client knows of people; one that serves a single request asks for somebody's roles once."""

    actor: Actor
    _known_roles: dict[str, list[str]]

    def search(self, type: str, params: Params, *, lenient: bool = False) -> Page:
        raise NotImplementedError

    def present(self, type: str, ids: Iterable[str]) -> list[Resource]:
        raise NotImplementedError

    def roles(self, profile: str) -> list[str]:
        """The codes of somebody's PractitionerRoles that are not inactive."""
        if profile not in self._known_roles or not self.actor.request_id:
            found = self._every("PractitionerRole", [("practitioner", profile)])
            active = [one for one in found if one.get("active") is not False]
            codes = {code for one in active for concept in one.get("code", []) for code in _codes(concept)}
            self._known_roles[profile] = sorted(codes)
        return self._known_roles[profile]

    def pool_threads(self, profile: str) -> list[str]:
        return self.threads_for(self.roles(profile))

    def threads_for(self, roles: Sequence[str]) -> list[str]:
        """The threads in focus of requested, ownerless Tasks for one of these roles."""
        if not roles:
            return []
        pool = [("status", "requested"), ("performer", ",".join(roles)), ("owner:missing", "true")]
        tasks = [one for one in self._every("Task", pool) if READ_RECEIPT not in _codes(one.get("code", {}))]
        return sorted({one["focus"]["reference"] for one in tasks if "reference" in one.get("focus", {})})

    def acted_for(self, profiles: Sequence[str]) -> list[str]:
        """The patients of those among these RelatedPersons that are active today."""
        today = rows.instant(rows.now())[:10]
        ids = [split_reference(one)[1] for one in profiles if one.startswith("RelatedPerson/")]
        active = [one for one in self.present("RelatedPerson", ids) if one.get("active", True) and _on(one, today)]
        return sorted({one["patient"]["reference"] for one in active if "reference" in one["patient"]})

    def contacts(self, patients: Sequence[str]) -> list[str]:
        """Whom these patients may write to: the members of their active care teams, their carers, their own doctor."""
        if not patients:
            return []
        either = ",".join(patients)
        teams = self._every("CareTeam", [("subject", either), ("status", "active")])
        carers = self._every("RelatedPerson", [("patient", either), ("active", "true")])
        persons = self.present("Patient", [split_reference(one)[1] for one in patients])
        found = [member.get("member", {}).get("reference") for team in teams for member in team.get("participant", [])]
        found += [f"RelatedPerson/{one['id']}" for one in carers]
        found += [one.get("reference") for person in persons for one in person.get("generalPractitioner", [])]
        return sorted({one for one in found if one and not one.startswith("Patient/")})

    def _every(self, type: str, params: Params) -> list[Resource]:
        """All that a search finds, up to a thousand."""
        return self.search(type, [*params, ("_count", str(PAST))]).resources


def _codes(concept: Resource) -> list[str]:
    return [str(one["code"]) for one in concept.get("coding", []) if "code" in one]


def _on(related: Resource, today: str) -> bool:
    period = related.get("period", {})
    return str(period.get("start", ""))[:10] <= today <= str(period.get("end", "9999"))[:10]
