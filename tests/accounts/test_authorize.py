"""`/oauth2/authorize`: a person lets an app act for them, and both policies limit what it may do."""

import base64
import hashlib
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.idp.oidc.models import Token
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts import clients, throttling
from accounts.models import Membership, User
from inbox.fhir import get_policy
from inbox.models import Practice

from .conftest import PASSWORD

pytestmark = pytest.mark.django_db(databases="__all__")

BACK = "https://app.example/back"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture(autouse=True)
def nobody_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with full buckets."""
    monkeypatch.setattr(throttling, "logins", throttling.Buckets())


@pytest.fixture
def app(installed: Practice) -> Membership:
    """An app that may do what a machine may."""
    policy = get_policy(installed, "client")
    made, secret = clients.create(
        installed, id="app", name="Visits", profile="Device/app", policy=policy, redirect_uris=[BACK]
    )
    assert secret == ""
    return made


@pytest.fixture
def person(client: Client, installed: Practice) -> User:
    """alice, a clinician of the practice, signed in."""
    user = User.objects.create_user("alice@clinic.example", PASSWORD, name="Dr. Alice Smith")
    Membership.objects.create(
        user=user,
        practice=installed,
        profile="Practitioner/alice",
        policy=get_policy(installed, "clinician"),
        display="Dr. Alice Smith",
    )
    client.force_login(user)
    return user


def asked(client: Client, **changed: str | None) -> HttpResponse:
    """The request of an app in the person's browser."""
    wanted = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": BACK,
        "scope": "openid profile email",
        "state": "s1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changed,
    }
    return client.get("/oauth2/authorize", {name: value for name, value in wanted.items() if value is not None})


def answered(client: Client, page: HttpResponse, action: str = "grant") -> dict[str, str]:
    """What the person's answer to the page sends back to the app."""
    html = page.content.decode()
    signed = re.search(r'name="request" value="([^"]+)"', html)
    assert signed
    scopes = re.findall(r'name="scopes" value="([^"]+)"', html)
    answer = client.post("/oauth2/authorize", {"request": signed[1], "scopes": scopes, "action": action})
    assert answer.status_code == 302
    assert answer["Location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}


def exchanged(code: str, **changed: str) -> HttpResponse:
    """The app asks for tokens, from elsewhere."""
    form = {
        "grant_type": "authorization_code",
        "client_id": "app",
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        **changed,
    }
    return Client().post("/oauth2/token", form)


def test_ac73_an_app_that_was_let_acts_as_the_person_within_both_policies(
    client: Client, app: Membership, person: User
) -> None:
    page = asked(client)
    assert page.status_code == 200
    assert "Let “Visits” act for you?" in page.content.decode()
    assert "Dr. Alice Smith" in page.content.decode()
    assert "https://app.example" in page["Content-Security-Policy"]
    back = answered(client, page)
    assert back["state"] == "s1"
    found = exchanged(back["code"]).json()
    assert found["profile"] == {"reference": "Practitioner/alice", "display": "Dr. Alice Smith"}
    assert found["refresh_token"] and found["id_token"].count(".") == 2
    bearer = {"Authorization": f"Bearer {found['access_token']}"}
    told = client.get("/auth/me", headers=bearer).json()
    assert told["profile"]["id"] == "alice"
    assert told["membership"]["user"]["reference"] == "ClientApplication/app"
    criteria = [one["criteria"] for one in told["accessPolicy"]["resource"] if one["resourceType"] == "Communication"]
    assert criteria and all("status:not=preparation" in one for one in criteria)
    assert any("recipient=%profile" in one for one in criteria)
    userinfo = client.get("/oauth2/userinfo", headers=bearer).json()
    assert userinfo == {"sub": str(person.pk), "name": "Dr. Alice Smith", "email": "alice@clinic.example"}


def test_a_code_works_once_for_this_app_and_this_verifier(client: Client, app: Membership, person: User) -> None:
    def code() -> str:
        return answered(client, asked(client))["code"]

    for wrong in ({"code_verifier": "w" * 64}, {"code_verifier": ""}, {"redirect_uri": "https://evil.example"}):
        assert exchanged(code(), **wrong).status_code in (400, 401)
    good = code()
    assert exchanged(good).status_code == 200
    assert exchanged(good).json()["error"] == "invalid_grant"
    assert exchanged("x" * 30).json()["error"] == "invalid_grant"
    assert exchanged("x" * 300).json()["error"] == exchanged("x y").json()["error"] == "invalid_request"
    assert exchanged(code(), client_id="nobody").status_code in (400, 401)


def test_an_app_logs_in_for_nobody_but_the_person(client: Client, app: Membership, person: User) -> None:
    for secret in ("", "x"):
        form = {"grant_type": "client_credentials", "client_id": "app", "client_secret": secret}
        assert client.post("/oauth2/token", form).status_code in (400, 401)
    assert not Token.objects.exists()


def test_who_says_no_gives_nothing(client: Client, app: Membership, person: User) -> None:
    assert answered(client, asked(client), "cancel") == {"error": "access_denied", "state": "s1"}


def test_a_refresh_token_gives_new_ones_until_the_person_or_the_app_is_gone(
    client: Client, app: Membership, person: User
) -> None:
    found = exchanged(answered(client, asked(client))["code"]).json()

    def refreshed(token: str) -> HttpResponse:
        form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": token}
        return Client().post("/oauth2/token", form)

    second = refreshed(found["refresh_token"])
    assert second.json()["profile"]["reference"] == "Practitioner/alice"
    assert refreshed(found["refresh_token"]).json()["error"] == "invalid_grant"
    last = second.json()["refresh_token"]
    Membership.objects.filter(user=person).update(active=False)
    assert refreshed(last).json()["error"] == "invalid_grant"
    Membership.objects.filter(user=person).update(active=True)
    Membership.objects.filter(pk=app.pk).update(active=False)
    assert refreshed(last).status_code == 401
    Membership.objects.filter(pk=app.pk).update(active=True)
    assert refreshed(last).status_code == 200
    row = Token.objects.get(type="rt")
    assert 0 < (row.expires_at - timezone.now()).days <= 30


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": "https://evil.example/back"},
        {"redirect_uri": "http://[::"},
        {"redirect_uri": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"resource": "nowhere"},
    ],
)
def test_a_request_that_is_not_the_apps_is_shown_as_a_mistake(
    client: Client, app: Membership, person: User, changed: dict[str, str | None]
) -> None:
    assert asked(client).status_code == 200
    answer = asked(client, **changed)
    assert answer.status_code == 400
    assert "This app can not act for you" in answer.content.decode()


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unauthorized_client"),
    ],
)
def test_an_app_is_told_what_it_did_wrong(
    client: Client, app: Membership, person: User, changed: dict[str, str | None], error: str
) -> None:
    answer = asked(client, **changed)
    assert answer.status_code == 302 and answer["Location"].startswith(BACK)
    assert "error=" in answer["Location"] and "code=" not in answer["Location"]


def test_the_apps_of_another_practice_and_deactivated_ones_are_refused(
    client: Client, app: Membership, person: User, shelbyville: Practice
) -> None:
    clients.close(app)
    assert asked(client).status_code == 403
    clients.reopen(app)
    assert asked(client).status_code == 200
    Membership.objects.filter(pk=app.pk).update(practice=shelbyville)
    assert asked(client).status_code == 403


def test_consent_that_was_signed_for_somebody_gives_a_stranger_no_token(
    client: Client, app: Membership, person: User, shelbyville: Practice
) -> None:
    page = asked(client)
    dora = User.objects.create_user("dora@clinic.example", PASSWORD)
    Membership.objects.create(user=dora, practice=shelbyville, profile="Practitioner/dora")
    client.force_login(dora)
    answer = exchanged(answered(client, page)["code"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert not Token.objects.exists()


def test_a_consent_needs_a_csrf_token_and_our_signature(app: Membership, person: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person)
    signed = re.search(r'name="request" value="([^"]+)"', asked(strict).content.decode())
    assert signed
    form = {"request": signed[1], "scopes": ["openid"], "action": "grant"}
    assert strict.post("/oauth2/authorize", form).status_code == 403
    lax = Client()
    lax.force_login(person)
    assert lax.post("/oauth2/authorize", {**form, "request": "x"}).status_code == 403
    assert lax.post("/oauth2/authorize", {**form, "scopes": []}).status_code == 400
    assert lax.post("/oauth2/authorize", form).status_code == 302


def test_who_is_not_signed_in_signs_in_first(app: Membership) -> None:
    answer = asked(Client())
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=%2Foauth2%2Fauthorize%3F")


def test_an_app_may_ask_to_sign_in_again(client: Client, app: Membership, person: User) -> None:
    answer = asked(client, prompt="login")
    assert answer.status_code == 302 and answer["Location"].startswith("/accounts/login/?next=")
    assert "prompt" not in answer["Location"]
    assert asked(client).status_code == 302  # signed out


def test_silence_is_no_consent_even_where_there_was_one(client: Client, app: Membership, person: User) -> None:
    exchanged(answered(client, asked(client))["code"])
    assert asked(client, prompt="none").status_code == 400
