"""Practices: their Organization, their own copies of the shipped policies, and what accounts ask of them."""

import json
from pathlib import Path

from django.db import transaction

from inbox.models import AccessPolicy, Practice

from . import outcome, place, policy, validate
from .repository import Write
from .types import split_reference

SHIPPED = Path(__file__).parent / "policies"


def create(fhir_id: str, name: str) -> Practice:
    """The practice with this Organization id, made with its Organization and the shipped policies if it is new."""
    validate.check_id(fhir_id)
    if place.remote() is not None and Practice.objects.exclude(fhir_id=fhir_id).exists():
        raise outcome.Unprocessable("A remote FHIR server is one practice, and there is one already.")
    with transaction.atomic():
        practice, created = Practice.objects.get_or_create(fhir_id=fhir_id, defaults={"name": name})
        if created:
            _organization(practice)
            AccessPolicy.objects.bulk_create([_shipped(practice, one) for one in shipped()])
    return practice


def _organization(practice: Practice) -> None:
    """The Organization of a practice; one that a remote server has already is left as it is."""
    system = place.system(practice.pk)
    if system.raw("Organization", practice.fhir_id) is None:
        resource = {"resourceType": "Organization", "id": practice.fhir_id, "active": True, "name": practice.name}
        system.apply([Write("PUT", "Organization", practice.fhir_id, resource)])


def get(fhir_id: str) -> Practice | None:
    return Practice.objects.filter(fhir_id=fhir_id).first()


def profile_exists(practice: Practice, reference: str) -> bool:
    """Whether `Practitioner/x` (or a Patient, or a RelatedPerson) is in this practice."""
    return place.system(practice.pk).raw(*split_reference(reference)) is not None


def get_policy(practice: Practice, fhir_id: str) -> AccessPolicy | None:
    """A policy of a practice; one that was shipped after the practice was made joins it when it is first asked for."""
    found = AccessPolicy.objects.filter(practice=practice, fhir_id=fhir_id).first()
    if found is None and fhir_id in shipped():
        fresh = _shipped(practice, fhir_id)
        found, _ = AccessPolicy.objects.get_or_create(practice=practice, fhir_id=fhir_id, defaults={"body": fresh.body})
    return found


def policy_ids(practice: Practice) -> list[str]:
    """The policies that a membership of this practice may have: its own, and the shipped ones."""
    own = AccessPolicy.objects.filter(practice=practice).values_list("fhir_id", flat=True)
    return sorted({*own, *shipped()})


def shipped() -> list[str]:
    """The ids of the policies that come along."""
    return sorted(path.stem for path in SHIPPED.glob("*.json"))


def _shipped(practice: Practice, fhir_id: str) -> AccessPolicy:
    text = (SHIPPED / f"{fhir_id}.json").read_text(encoding="utf-8")
    policy.compile(json.loads(text))
    return AccessPolicy(practice=practice, fhir_id=fhir_id, body=text)
