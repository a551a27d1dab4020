"""What machines and apps do is in the audit trail, with who stood behind it."""

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model

from accounts.models import Membership
from inbox.models import AccessPolicy, AuditEvent, Practice
from tests.api import tokens
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db(databases="__all__")


def reads_of(type: str, id: str) -> list[tuple[str, str, str]]:
    found = AuditEvent.objects.using(settings.AUDIT_READS).filter(type=type, fhir_id=id).order_by("id")
    return list(found.values_list("interaction", "actor", "membership"))


def test_what_an_app_does_for_a_person_names_both(practice: Practice) -> None:
    app = tokens.client(practice, "Practitioner/charlie", "integration")
    user = get_user_model().objects.create(email="alice@clinic.example", name="Alice")
    policy = AccessPolicy.objects.get(practice=practice, fhir_id="clinician")
    person = Membership.objects.create(user=user, practice=practice, profile="Practitioner/alice", policy=policy)
    assert Api(tokens.token_of(app, user=user)).get("/Practitioner/bob").status_code == 200
    assert Api(tokens.token_of(app)).get("/Practitioner/bob").status_code == 200
    assert reads_of("Practitioner", "bob") == [
        ("read", "Practitioner/alice", f"{person.pk}.{app.pk}"),
        ("read", "Practitioner/charlie", str(app.pk)),
    ]


def test_a_refusal_is_written_down_like_a_read(machine: Api) -> None:
    machine.get("/Patient/never-was")
    assert [one[0] for one in reads_of("Patient", "never-was")] == ["read"]
