"""What commands name by id, found; or an error that says what there is instead."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.base import CommandError

from accounts.models import Membership
from inbox.fhir import get_policy, policy_ids, profile_exists
from inbox.fhir.types import split_reference

Practice: Any = Membership._meta.get_field("practice").related_model


def find_practice(fhir_id: str) -> Any:
    """A practice."""
    practice = Practice.objects.filter(fhir_id=fhir_id).first()
    if practice is None:
        ids = Practice.objects.order_by("fhir_id").values_list("fhir_id", flat=True)
        raise CommandError(f"There is no practice “{fhir_id}”. {listed(ids)}")
    return practice


def find_policy(practice: Any, fhir_id: str) -> Any:
    """An access policy of a practice; one that is shipped joins it now if it was not there yet."""
    policy = get_policy(practice, fhir_id)
    if policy is None:
        ids = policy_ids(practice)
        raise CommandError(f"The practice “{practice.fhir_id}” has no access policy “{fhir_id}”. {listed(ids)}")
    return policy


def checked_profile(practice: Any, reference: str, types: Sequence[str]) -> str:
    """A profile of one of these types that there is."""
    type, id = split_reference(reference)
    if type not in types or reference != f"{type}/{id}":
        raise CommandError(f"“{reference}” is not a profile. Write {', '.join(f'{each}/ID' for each in types)}.")
    if not profile_exists(practice, reference):
        raise CommandError(f"The practice “{practice.fhir_id}” has no {reference}. Load it first: manage.py load FILE")
    return reference


def listed(ids: Iterable[str]) -> str:
    """The first twenty of what there is, as a sentence."""
    found = list(ids)[:20]
    return f"There are: {', '.join(found)}." if found else "There is none yet."
