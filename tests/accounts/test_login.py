"""Signing in and out, on the form that people use."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.adapter import get_adapter
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.test import Client

from accounts.models import Membership, User

from .conftest import PASSWORD, body, is_signed_in

SignIn = Callable[..., HttpResponse]


def test_the_form_says_which_product_it_is_and_names_its_fields(client: Client, settings: Any) -> None:
    page = client.get("/accounts/login/")
    text = body(page)
    assert page.status_code == 200
    assert f"<title>Sign in · {settings.SITE_NAME}</title>" in text and 'class="brand"' in text
    assert '<label class="field__label" for="id_login">E-mail</label>' in text
    assert 'autocomplete="username"' in text and 'autocomplete="current-password"' in text
    assert "sign up" not in text.lower() and "signup" not in text


def test_alice_signs_in_with_her_address_however_she_writes_it(client: Client, alice: User, sign_in: SignIn) -> None:
    answer = sign_in(" Alice@Clinic.Example ")
    assert (answer.status_code, answer["Location"]) == (302, "/threads/")
    assert is_signed_in(client)


def test_a_wrong_password_keeps_the_address_and_says_so_aloud(client: Client, alice: User, sign_in: SignIn) -> None:
    text = body(sign_in("alice@clinic.example", "wrong"))
    assert 'value="alice@clinic.example"' in text
    assert "E-mail or password is wrong." in text
    assert 'role="alert" tabindex="-1" autofocus' in text
    assert "wrong" not in text.replace("password is wrong.", "")
    assert not is_signed_in(client)


def test_a_field_that_is_wrong_is_marked_and_tied_to_its_error(sign_in: SignIn) -> None:
    text = body(sign_in("not an address"))
    assert 'aria-invalid="true"' in text
    assert 'aria-describedby="id_login_error"' in text and 'id="id_login_error"' in text


def test_ac91_the_session_changes_its_id_at_login(client: Client, alice: User, sign_in: SignIn) -> None:
    store = client.session
    store["before"] = True
    store.save()
    client.cookies["sessionid"] = before = store.session_key
    sign_in("alice@clinic.example")
    assert client.cookies["sessionid"].value != before
    assert not Session.objects.filter(session_key=before).exists()


def test_ac91_a_session_id_that_was_set_beforehand_is_not_adopted(client: Client, alice: User, sign_in: SignIn) -> None:
    client.cookies["sessionid"] = "a" * 32
    sign_in("alice@clinic.example")
    assert client.cookies["sessionid"].value != "a" * 32
    assert is_signed_in(client)


def test_the_session_ends_with_the_browser(client: Client, alice: User, sign_in: SignIn) -> None:
    assert sign_in("alice@clinic.example").cookies["sessionid"]["max-age"] == ""


def test_ac92_the_old_cookie_is_worth_nothing_after_logout(signed_in: Client) -> None:
    old = signed_in.cookies["sessionid"].value
    answer = signed_in.post("/accounts/logout/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    assert answer["Clear-Site-Data"] == '"cache"'
    signed_in.cookies["sessionid"] = old
    assert signed_in.get("/threads/").status_code == 302
    assert signed_in.get("/threads/", headers={"HX-Request": "true"}).status_code == 401


def test_logging_out_needs_a_click_not_a_link(signed_in: Client) -> None:
    page = signed_in.get("/accounts/logout/")
    assert 'method="post" action="/accounts/logout/"' in body(page)
    assert is_signed_in(signed_in)


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "http:///evil.example"],
)
def test_after_login_nobody_is_sent_to_another_host(client: Client, alice: User, wanted: str) -> None:
    form = {"login": "alice@clinic.example", "password": PASSWORD, "next": wanted}
    answer = client.post(f"/accounts/login/?next={wanted}", form)
    assert (answer.status_code, answer["Location"]) == (302, "/threads/")


def test_after_login_people_are_back_where_they_were(client: Client, alice: User) -> None:
    to_login = client.get("/threads/?status=closed&after=2")
    page = client.get(to_login["Location"])
    assert 'name="next" value="/threads/?status=closed&amp;after=2"' in body(page)
    form = {"login": "alice@clinic.example", "password": PASSWORD, "next": page.context["redirect_field_value"]}
    assert client.post("/accounts/login/", form)["Location"] == "/threads/?status=closed&after=2"


def test_nobody_makes_an_account_for_themselves(client: Client, signed_in: Client) -> None:
    form = {"email": "mallory@evil.example", "password1": PASSWORD, "password2": PASSWORD}
    assert signed_in.get("/accounts/signup/").status_code == 404
    assert Client().post("/accounts/signup/", form).status_code == 302
    assert signed_in.post("/accounts/signup/", form).status_code == 404
    assert not User.objects.filter(email="mallory@evil.example").exists()
    assert not get_adapter().is_open_for_signup(signed_in.get("/threads/").wsgi_request)


def test_there_is_one_way_in_and_it_speaks_html(alice: User, sign_in: SignIn) -> None:
    answer = sign_in("alice@clinic.example", "wrong", headers={"Accept": "application/json"})
    assert answer["Content-Type"].startswith("text/html")


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One item for each time a password is hashed, which is what takes the time of a login."""
    count: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        count.append(salt)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    return count


def test_ac90_a_refused_login_is_the_same_for_every_kind_of_account(
    alice: User, deactivated: User, without_password: User, hashes: list[str]
) -> None:
    answers = set()
    tries = {alice.email: "wrong", deactivated.email: PASSWORD, without_password.email: "wrong", "x@y.example": "wrong"}
    for email, password in tries.items():
        hashes.clear()
        client = Client()
        answer = client.post("/accounts/login/", {"login": email, "password": password})
        answers.add((answer.status_code, body(answer).replace(email, ""), tuple(client.cookies), len(hashes)))
    assert len(answers) == 1
    assert answers.pop()[3] == 1


def test_who_may_sign_in_is_one_address_however_it_is_capitalised(alice: User) -> None:
    assert User.objects.get_by_natural_key("ALICE@clinic.example") == alice
    assert User.objects.create_user("New@Clinic.Example").email == "new@clinic.example"


def test_memberships_go_with_their_account(membership: Membership) -> None:
    membership.user.delete()
    assert not Membership.objects.exists()
