"""Two practices and the people of every test: alice, and charlie of the other practice."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.adapter import postman
from accounts.models import Membership, User
from inbox.fhir import create_practice, system
from inbox.fhir.repository import Write
from inbox.models import AccessPolicy, Practice

PASSWORD = "a long and secret phrase"


@pytest.fixture(autouse=True)
def account_pages(settings: Any, db: None) -> None:
    """The real settings, but for addresses of our own and a hash that does not take its time."""
    settings.ROOT_URLCONF = "tests.accounts.urls"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", settings.PASSWORD_HASHERS[1]]


@pytest.fixture
def springfield() -> Practice:
    return Practice.objects.create(fhir_id="springfield", name="Springfield Clinic")


@pytest.fixture
def shelbyville() -> Practice:
    return Practice.objects.create(fhir_id="shelbyville", name="Shelbyville Clinic")


def a_policy(practice: Practice, fhir_id: str = "clinician") -> AccessPolicy:
    entry = {"resourceType": "Communication", "criteria": "Communication?recipient=%profile"}
    body = {"resourceType": "AccessPolicy", "id": fhir_id, "resource": [entry]}
    return AccessPolicy.objects.create(practice=practice, fhir_id=fhir_id, body=json.dumps(body))


def a_resource(practice: Practice, type: str, id: str = "alice") -> None:
    system(practice.pk).apply([Write("PUT", type, id, {"resourceType": type, "id": id})])


@pytest.fixture
def installed() -> Practice:
    """A practice with one practitioner, alice, and nobody who can sign in."""
    practice = create_practice("springfield", "Springfield Clinic")
    a_resource(practice, "Practitioner")
    return practice


@pytest.fixture
def clinician(springfield: Practice) -> AccessPolicy:
    return a_policy(springfield)


@pytest.fixture
def alice_alone() -> User:
    """alice before any practice has connected her."""
    return User.objects.create_user("alice@clinic.example", PASSWORD, name="Dr. Alice Smith")


@pytest.fixture
def membership(alice_alone: User, springfield: Practice, clinician: AccessPolicy) -> Membership:
    return Membership.objects.create(
        user=alice_alone,
        practice=springfield,
        profile="Practitioner/alice",
        policy=clinician,
        display="Dr. Alice Smith",
    )


@pytest.fixture
def alice(membership: Membership) -> User:
    return membership.user


@pytest.fixture
def signed_in(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def deactivated() -> User:
    user = User.objects.create_user("gone@clinic.example", PASSWORD)
    user.is_active = False
    user.save()
    return user


@pytest.fixture
def without_password() -> User:
    return User.objects.create_user("new@clinic.example")


@pytest.fixture
def sign_in(client: Client) -> Callable[..., HttpResponse]:
    def send(email: str, password: str = PASSWORD, **extra: Any) -> HttpResponse:
        return client.post("/accounts/login/", {"login": email, "password": password}, **extra)

    return send


@pytest.fixture
def mails(mailoutbox: list[Any]) -> Callable[[], list[Any]]:
    """What the one thread that sends mail has sent by now."""

    def sent() -> list[Any]:
        postman.submit(lambda: None).result()
        return mailoutbox

    return sent


def is_signed_in(client: Client) -> bool:
    return client.get("/threads/").status_code == 200


def body(response: HttpResponse) -> str:
    """The page without what is random in every answer."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.content.decode())
