"""Practices: their Organization, their own copies of the shipped policies, and what accounts ask of them."""

import json
from pathlib import Path

from django.db import transaction

from inbox.models import AccessPolicy, Practice

from . import policy, store, validate
from .repository import Write
from .types import split_reference

SHIPPED = Path(__file__).parent / "policies"


def create(fhir_id: str, name: str) -> Practice:
    """The practice with this Organization id, made with its Organization and the shipped policies if it is new."""
    validate.check_id(fhir_id)
    with transaction.atomic():
        practice, created = Practice.objects.get_or_create(fhir_id=fhir_id, defaults={"name": name})
        if created:
            organization = {"resourceType": "Organization", "id": fhir_id, "active": True, "name": name}
            store.system(practice.pk).apply([Write("PUT", "Organization", fhir_id, organization)])
            AccessPolicy.objects.bulk_create(_shipped(practice))
    return practice


def get(fhir_id: str) -> Practice | None:
    return Practice.objects.filter(fhir_id=fhir_id).first()


def profile_exists(practice: Practice, reference: str) -> bool:
    """Whether `Practitioner/x` (or a Patient, or a RelatedPerson) is in this practice."""
    return store.system(practice.pk).raw(*split_reference(reference)) is not None


def _shipped(practice: Practice) -> list[AccessPolicy]:
    found = []
    for path in sorted(SHIPPED.glob("*.json")):
        text = path.read_text(encoding="utf-8")
        policy.compile(json.loads(text))
        found.append(AccessPolicy(practice=practice, fhir_id=path.stem, body=text))
    return found
