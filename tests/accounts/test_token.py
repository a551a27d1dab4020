"""`/oauth2/token` and `/auth/me`: machines log in, and read who they are."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.idp.oidc.models import Token
from django.http import HttpResponse
from django.test import Client

from accounts import clients, throttling
from accounts.models import Membership
from accounts.oauth import keys
from inbox.fhir import get_policy
from inbox.models import Practice
from tests.api import tokens

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

Ask = Callable[..., HttpResponse]


@pytest.fixture(autouse=True)
def nobody_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with full buckets."""
    monkeypatch.setattr(throttling, "logins", throttling.Buckets())
    monkeypatch.setattr(throttling, "api", throttling.Buckets())


@pytest.fixture
def lab(installed: Practice) -> tuple[Membership, str]:
    """A machine that acts as Practitioner/alice and may do everything, and its secret."""
    policy = get_policy(installed, "integration")
    return clients.create(installed, id="lab", name="Lab", profile="Practitioner/alice", policy=policy)


@pytest.fixture
def log_in(client: Client, lab: tuple[Membership, str]) -> Ask:
    """Ask for a token; parameters that are None are left out."""

    def send(**changed: str | None) -> HttpResponse:
        form = {"grant_type": "client_credentials", "client_id": "lab", "client_secret": lab[1], **changed}
        return client.post("/oauth2/token", {name: value for name, value in form.items() if value is not None})

    return send


def claims(token: str) -> dict[str, Any]:
    """What is in a JWT, unverified, as clients read it."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def me(client: Client, token: str) -> HttpResponse:
    return client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})


def test_a_machine_logs_in_and_reads_who_it_is(client: Client, log_in: Ask) -> None:
    answer = log_in()
    found = answer.json()
    assert (answer.status_code, found["token_type"], found["scope"]) == (200, "Bearer", "openid")
    assert answer["Cache-Control"] == "no-store"
    assert found["profile"] == {"reference": "Practitioner/alice", "display": "Lab"}
    assert found["project"] == {"reference": "Project/springfield", "display": "Springfield Clinic"}
    inside = claims(found["access_token"])
    assert inside["exp"] - time.time() >= 3600 and abs(inside["exp"] - time.time() - found["expires_in"]) < 30
    assert (inside["client_id"], inside["login_id"], inside["profile"]) == ("lab", "lab", "Practitioner/alice")
    who = me(client, found["access_token"])
    assert (who.status_code, who["Content-Type"]) == (200, "application/json")
    told = who.json()
    assert told["profile"]["resourceType"] == "Practitioner" and told["profile"]["id"] == "alice"
    assert told["profile"]["meta"]["versionId"]
    assert told["project"] == {"resourceType": "Project", "id": "springfield", "name": "Springfield Clinic"}
    assert told["membership"]["resourceType"] == "ProjectMembership"
    assert told["membership"]["profile"] == found["profile"]
    assert told["membership"]["admin"] is False
    assert told["config"]["resourceType"] == "UserConfiguration"
    assert told["accessPolicy"]["id"] == "integration"


def test_the_secret_may_come_as_basic_and_then_stands_in_no_form(client: Client, lab: tuple[Membership, str]) -> None:
    basic = base64.b64encode(f"lab:{lab[1]}".encode()).decode()
    answer = client.post(
        "/oauth2/token", {"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"}
    )
    assert answer.json()["profile"]["reference"] == "Practitioner/alice"
    wrong = base64.b64encode(f"lab:{lab[1]}x".encode()).decode()
    answer = client.post(
        "/oauth2/token", {"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {wrong}"}
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_profile_that_the_policy_does_not_show_is_a_name(client: Client, installed: Practice) -> None:
    policy = get_policy(installed, "auditor")
    lab, secret = clients.create(installed, id="gate", name="Gate", profile="Device/gate", policy=policy)
    form = {"grant_type": "client_credentials", "client_id": "gate", "client_secret": secret}
    token = client.post("/oauth2/token", form).json()["access_token"]
    told = me(client, token).json()
    assert (told["profile"]["resourceType"], told["profile"]["id"]) == ("Device", "gate")
    lab.policy = None
    lab.save()
    told = me(client, token).json()
    assert (told["accessPolicy"], told["membership"]["admin"]) == (None, False)


def test_an_administrators_machine_is_told_that_it_is_one(client: Client, installed: Practice) -> None:
    policy = get_policy(installed, "administrator")
    _, secret = clients.create(installed, id="boss", name="Boss", profile="Practitioner/alice", policy=policy)
    form = {"grant_type": "client_credentials", "client_id": "boss", "client_secret": secret}
    assert me(client, client.post("/oauth2/token", form).json()["access_token"]).json()["membership"]["admin"] is True


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"grant_type": None}, 400, "unsupported_grant_type"),
        ({"grant_type": "magic"}, 400, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "alice@clinic.example", "password": "x"}, 400, None),
        ({"grant_type": "authorization_code", "code": "x", "redirect_uri": "https://a"}, 400, "unauthorized_client"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "unauthorized_client"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "x"}, 401, "invalid_client"),
        ({"scope": "everything"}, 400, "invalid_scope"),
        ({"resource": "nowhere"}, 400, "invalid_target"),
        ({"client_id": "lab\0"}, 400, "invalid_request"),
        ({"client_secret": "x" * 5000}, 400, "invalid_request"),
    ],
)
def test_a_login_that_fails_says_why_as_json(
    log_in: Ask, changed: dict[str, str | None], status: int, error: str | None
) -> None:
    assert log_in().status_code == 200
    before = Token.objects.count()
    answer = log_in(**changed)
    found = answer.json()
    assert answer.status_code == status
    assert error is None or found["error"] == error
    assert found["error_description"]
    assert Token.objects.count() == before


def test_unknown_client_and_wrong_secret_are_the_same_answer(log_in: Ask) -> None:
    assert log_in(client_id="nobody").content == log_in(client_secret="wrong").content


def test_other_ways_to_ask_are_told_what_is_expected(client: Client, lab: tuple[Membership, str]) -> None:
    form = {"grant_type": "client_credentials", "client_id": "lab", "client_secret": lab[1]}
    assert client.get("/oauth2/token", form).status_code == 405
    assert client.post("/oauth2/token?x=%zz").json()["error"] == "invalid_request"
    assert client.post("/oauth2/token", json.dumps(form), content_type="application/json").status_code == 400
    for method in ("put", "patch", "delete", "options", "head"):
        assert getattr(client, method)("/oauth2/token").status_code == 405
    assert client.post("/oauth2/token/", form).status_code in (302, 404)


def test_a_login_needs_no_csrf_token_and_no_session(lab: tuple[Membership, str]) -> None:
    strict = Client(enforce_csrf_checks=True)
    form = {"grant_type": "client_credentials", "client_id": "lab", "client_secret": lab[1]}
    answer = strict.post("/oauth2/token", form)
    assert answer.status_code == 200
    assert not answer.cookies


def test_a_deactivated_client_logs_in_no_more_and_its_tokens_end(
    client: Client, log_in: Ask, lab: tuple[Membership, str]
) -> None:
    token = log_in().json()["access_token"]
    clients.close(lab[0])
    assert (log_in().status_code, log_in().json()["error"]) == (401, "invalid_client")
    assert me(client, token).status_code == 401
    clients.reopen(lab[0])
    assert log_in().status_code == 200
    assert me(client, token).status_code == 401


def test_a_new_secret_ends_the_old_one_and_every_token(
    client: Client, log_in: Ask, lab: tuple[Membership, str]
) -> None:
    token = log_in().json()["access_token"]
    secret = clients.rotate(lab[0])
    assert log_in().status_code == 401
    assert me(client, token).status_code == 401
    assert log_in(client_secret=secret).status_code == 200


def test_a_client_whose_policy_is_broken_gets_no_token(log_in: Ask, lab: tuple[Membership, str]) -> None:
    assert lab[0].policy is not None
    lab[0].policy.body = "{"
    lab[0].policy.save()
    assert log_in().status_code == 401
    assert not Token.objects.exists()


def test_a_token_is_ended_by_its_bearer(client: Client, log_in: Ask, lab: tuple[Membership, str]) -> None:
    first, second = (log_in().json()["access_token"] for _ in range(2))
    assert client.post("/oauth2/logout", headers={"Authorization": f"Bearer {first}"}).json()["id"] == "ok"
    assert [me(client, token).status_code for token in (first, second)] == [401, 200]
    form = {"token": second, "client_id": "lab", "client_secret": lab[1]}
    assert client.post("/oauth2/revoke", {**form, "client_secret": "wrong"}).status_code == 401
    assert me(client, second).status_code == 200
    assert client.post("/oauth2/revoke", form).status_code == 200
    assert me(client, second).status_code == 401


def test_expired_tokens_are_forgotten_with_the_next_login(log_in: Ask, lab: tuple[Membership, str]) -> None:
    for minutes in (-60, -1, 60):
        tokens.token_of(lab[0], minutes=minutes)
    log_in()
    assert Token.objects.count() == 2


def test_logging_in_costs_a_constant_number_of_queries(log_in: Ask, django_assert_max_num_queries: Any) -> None:
    log_in()
    with django_assert_max_num_queries(7):
        assert log_in().status_code == 200


def test_a_client_that_asks_without_pause_is_told_to_wait(
    log_in: Ask, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.TOKEN_RATE = 3
    assert [log_in(client_secret="wrong").status_code for _ in range(4)] == [401, 401, 401, 429]
    with django_assert_num_queries(0):
        refused = log_in()
    assert refused.status_code == 429 and int(refused["Retry-After"]) >= 1
    assert refused.json()["error_description"]
    assert log_in(client_id="another").status_code == 401
    assert [log_in(client_id=f"c{number}").status_code for number in range(40)][-1] == 429


def test_without_a_key_production_says_that_login_is_not_set_up(log_in: Ask, settings: Any) -> None:
    settings.PRODUCTION = True
    answer = log_in()
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert not Token.objects.exists()
    settings.OIDC_PRIVATE_KEY = keys.new_key()
    assert log_in().status_code == 200


def test_the_key_is_made_once_and_is_its_owners(tmp_path: Any) -> None:
    path = tmp_path / "key.pem"
    first = keys.kept_in(path)
    assert path.stat().st_mode & 0o777 == 0o600
    keys.kept_in.cache_clear()
    assert keys.kept_in(path) == first == path.read_text()
    assert [one.name for one in tmp_path.iterdir()] == ["key.pem"]


def test_the_configuration_leads_to_what_there_is(client: Client, log_in: Ask) -> None:
    found = client.get("/.well-known/openid-configuration").json()
    assert found["issuer"] == "http://127.0.0.1:8000"
    assert found["token_endpoint"] == "http://127.0.0.1:8000/oauth2/token"
    places = {
        name: address.removeprefix(found["issuer"])
        for name, address in found.items()
        if "_endpoint" in name and isinstance(address, str)
    }
    assert {name: client.get(path).status_code for name, path in places.items()} == {
        "authorization_endpoint": 302,
        "token_endpoint": 405,
        "revocation_endpoint": 405,
        "userinfo_endpoint": 401,
    }
    assert client.get(found["jwks_uri"].removeprefix(found["issuer"])).json()["keys"][0]["kty"] == "RSA"


def test_userinfo_names_the_client(client: Client, log_in: Ask) -> None:
    token = log_in(scope="openid profile").json()["access_token"]
    answer = client.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == {"sub": "lab", "name": "Lab"}
