"""The people of every test in front of their browsers."""

from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from accounts.models import Membership
from inbox.models import AccessPolicy, Practice

Visit = Callable[[str], Client]

PEOPLE = {
    "alice": ("Practitioner/alice", "clinician"),
    "bob": ("Practitioner/bob", "clinician"),
    "charlie": ("Practitioner/charlie", "clinician"),
    "homer": ("Patient/homer", "patient"),
    "sam": ("Practitioner/sam", "supervisor"),
    "kim": ("Practitioner/sam", "administrator"),
}


@pytest.fixture
def visit(practice: Practice) -> Visit:
    """A signed-in client of one of the people, by name; CSRF is checked as in real life when asked."""

    def sign_in(name: str, **options: bool) -> Client:
        profile, policy = PEOPLE[name]
        email = f"{name}@clinic.example"
        user, _ = get_user_model().objects.get_or_create(email=email, defaults={"name": name.title()})
        Membership.objects.get_or_create(
            user=user,
            practice=practice,
            profile=profile,
            defaults={
                "policy": AccessPolicy.objects.get(practice=practice, fhir_id=policy),
                "display": name.title(),
            },
        )
        client = Client(**options)
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign_in
