"""The administrator's pages for machines and apps."""

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.idp.oidc.models import Client as OAuthClient
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts import clients
from accounts.models import Membership, User
from inbox.fhir import create_practice, get_policy
from inbox.models import AuditEvent, Practice
from tests.api import tokens

pytestmark = pytest.mark.django_db(databases="__all__")

NEW = {
    "id": "laboratory",
    "name": "Laboratory",
    "kind": "machine",
    "profile": "Practitioner/alice",
    "policy": "client",
    "redirect_uris": "",
}


@pytest.fixture(autouse=True)
def the_whole_site(settings: Any) -> None:
    """These pages have the rail of the clinic, which leads everywhere."""
    settings.ROOT_URLCONF = "inbox.urls"


def member(practice: Practice, email: str, policy: str) -> Client:
    """The browser of somebody who is signed in under a shipped policy."""
    user = User.objects.create_user(email)
    found = get_policy(practice, policy)
    Membership.objects.create(user=user, practice=practice, profile="Practitioner/alice", policy=found)
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def kim(installed: Practice) -> Client:
    """An administrator."""
    return member(installed, "kim@clinic.example", "administrator")


@pytest.fixture
def lab(installed: Practice) -> Membership:
    """A machine of the practice."""
    return tokens.client(installed, "Practitioner/alice", "client", id="lab")


def text(answer: HttpResponse) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def secret_in(answer: HttpResponse) -> str:
    found = re.search(r'class="secret"[^>]*>([^<]+)<', answer.content.decode())
    assert found
    return found[1]


def test_an_administrator_sees_the_clients_of_the_practice(kim: Client, lab: Membership) -> None:
    tokens.token_of(lab)
    tokens.token_of(lab, minutes=-1)
    Membership.objects.filter(pk=lab.pk).update(last_used=timezone.now() - timedelta(days=400))
    page = text(kim.get("/clients/"))
    assert "A client lab Machine Practitioner/alice client" in page
    assert str((timezone.now() - timedelta(days=400)).year) in page
    assert re.search(r"(a\.m\.|p\.m\.|:\d\d|noon|midnight) 1 ", page)  # one token works


@pytest.mark.parametrize("policy", ["clinician", "supervisor", "patient", "auditor", "client", "integration"])
@pytest.mark.parametrize(
    "path", ["", "new/", "lab/", "lab/secret/", "lab/close/", "lab/reopen/", "lab/tokens/1/", "nothing/"]
)
def test_for_everybody_else_the_pages_are_not_there(
    installed: Practice, kim: Client, lab: Membership, policy: str, path: str
) -> None:
    other = member(installed, "other@clinic.example", policy)
    assert other.get(f"/clients/{path}").status_code in (404, 405)
    assert other.post(f"/clients/{path}", NEW).status_code in (404, 405)
    assert "/clients/" not in other.get("/clients/").content.decode()
    lab.refresh_from_db()
    assert lab.active and OAuthClient.objects.count() == 1


@pytest.mark.parametrize("path", ["lab/", "nothing/"])
def test_a_client_of_another_practice_is_as_one_that_never_was(lab: Membership, path: str) -> None:
    elsewhere = create_practice("shelbyville", "Shelbyville Clinic")
    boss = member(elsewhere, "boss@clinic.example", "administrator")
    assert "lab" not in text(boss.get("/clients/"))
    answer = boss.get(f"/clients/{path}")
    assert answer.status_code == 404
    for action in ("secret/", "close/", "reopen/", "tokens/1/"):
        assert boss.post(f"/clients/{path}{action}").status_code == 404
    lab.refresh_from_db()
    assert lab.active


def test_a_new_client_shows_its_secret_once(kim: Client, installed: Practice, settings: Any) -> None:
    assert "Practitioner or Device" in text(kim.get("/clients/new/"))
    page = kim.post("/clients/new/", NEW)
    secret = secret_in(page)
    assert page["Cache-Control"] == "no-store"
    client = OAuthClient.objects.get(pk="laboratory")
    assert client.check_secret(secret)
    assert secret not in kim.get("/clients/laboratory/").content.decode()
    assert "There is a client with this id already" in text(kim.post("/clients/new/", NEW))
    noted = AuditEvent.objects.using(settings.AUDIT_READS).get(type="ClientApplication")
    assert (noted.interaction, noted.fhir_id, noted.actor) == ("create", "laboratory", "Practitioner/alice")


def test_of_two_who_choose_one_id_at_once_the_second_is_told(
    kim: Client, installed: Practice, lab: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "checked", lambda id, uris: None)
    assert "There is a client with this id already" in text(kim.post("/clients/new/", {**NEW, "id": "lab"}))
    assert OAuthClient.objects.count() == 1


def test_a_new_app_needs_an_address_and_gets_no_secret(kim: Client) -> None:
    assert "at least one address" in text(kim.post("/clients/new/", {**NEW, "kind": "app"}))
    assert "Only an app" in text(kim.post("/clients/new/", {**NEW, "redirect_uris": "https://app.example"}))
    page = kim.post("/clients/new/", {**NEW, "kind": "app", "redirect_uris": "https://a.example/b\nhttps://c.example"})
    assert page.status_code == 200 and 'class="secret"' not in page.content.decode()
    assert OAuthClient.objects.get().get_redirect_uris() == ["https://a.example/b", "https://c.example"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"id": ""}, "required"),
        ({"id": "<b>"}, "a letter first"),
        ({"name": ""}, "required"),
        ({"name": "x" * 101}, "at most 100"),
        ({"kind": "god"}, "valid choice"),
        ({"profile": "Practitioner/nobody"}, "no such Practitioner or Device"),
        ({"profile": "Patient/alice"}, "no such Practitioner or Device"),
        ({"profile": "alice"}, "no such Practitioner or Device"),
        ({"policy": "emperor"}, "valid choice"),
        ({"policy": ""}, "required"),
        ({"kind": "app", "redirect_uris": "http://a.example"}, "is no address"),
        ({"kind": "app", "redirect_uris": "javascript:alert(1)"}, "is no address"),
    ],
)
def test_a_form_that_is_wrong_says_where_and_makes_nothing(kim: Client, changed: dict[str, str], why: str) -> None:
    page = kim.post("/clients/new/", {**NEW, **changed})
    assert page.status_code == 422
    assert why in text(page)
    assert not OAuthClient.objects.exists()


def test_a_new_secret_ends_the_old_one_and_the_tokens(kim: Client, installed: Practice) -> None:
    old = secret_in(kim.post("/clients/new/", NEW))
    membership = Membership.objects.get(client="laboratory")
    tokens.token_of(membership)
    new = secret_in(kim.post("/clients/laboratory/secret/"))
    client = OAuthClient.objects.get(pk="laboratory")
    assert client.check_secret(new) and not client.check_secret(old)
    assert clients.given(membership) == []


def test_an_app_has_no_secret_to_make_anew(kim: Client) -> None:
    kim.post("/clients/new/", {**NEW, "kind": "app", "redirect_uris": "https://a.example"})
    assert kim.post("/clients/laboratory/secret/").status_code == 404


def test_deactivating_ends_the_tokens_and_can_be_taken_back(kim: Client, lab: Membership) -> None:
    tokens.token_of(lab)
    page = text(kim.post("/clients/lab/close/", follow=True))
    assert "Deactivated. Its tokens have ended." in page and "None." in page
    assert not clients.tokens(lab).exists()
    page = text(kim.post("/clients/lab/reopen/", follow=True))
    assert "It can log in again." in page


def test_one_token_is_ended_and_those_of_other_clients_stay(kim: Client, lab: Membership, installed: Practice) -> None:
    other = tokens.client(installed, "Practitioner/alice", "client", id="other")
    for each in (lab, lab, other):
        tokens.token_of(each)
    first, theirs = clients.given(lab)[0].id, clients.given(other)[0].id
    assert "The token has ended." in text(kim.post(f"/clients/lab/tokens/{first}/", follow=True))
    kim.post(f"/clients/lab/tokens/{theirs}/")
    assert (len(clients.given(lab)), len(clients.given(other))) == (1, 1)


def test_changes_go_by_post_and_with_a_csrf_token(kim: Client, lab: Membership) -> None:
    assert kim.get("/clients/lab/close/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = kim.cookies
    assert strict.post("/clients/lab/close/").status_code == 403
    lab.refresh_from_db()
    assert lab.active


def test_names_are_text_and_not_markup(kim: Client, installed: Practice) -> None:
    kim.post("/clients/new/", {**NEW, "name": "<script>alert(1)</script>"})
    for path in ("/clients/", "/clients/laboratory/"):
        assert "<script>alert" not in kim.get(path).content.decode()


def test_the_list_costs_the_same_for_one_client_and_for_many(
    kim: Client, lab: Membership, installed: Practice, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        tokens.token_of(tokens.client(installed, "Practitioner/alice", "client", id=f"m{number:02d}"))
    with django_assert_max_num_queries(10):
        kim.get("/clients/")
    with django_assert_max_num_queries(10):
        kim.get("/clients/lab/")
