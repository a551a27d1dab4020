"""Forgotten, changed and guessed passwords."""

import re
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.core.internal import ratelimit
from django.core.mail.backends.locmem import EmailBackend
from django.http import HttpResponse
from django.test import Client

from accounts.models import User

from .conftest import PASSWORD, body, is_signed_in

Mails = Callable[[], list[Any]]
SignIn = Callable[..., HttpResponse]
NEW = "quite another phrase"


def ask(email: str, client: Client | None = None, **extra: Any) -> HttpResponse:
    return (client or Client()).post("/accounts/password/reset/", {"email": email}, **extra)


def link(mail: Any) -> str:
    found = re.search(r"https?://\S+", mail.body)
    assert found
    return found[0]


def follow(client: Client, url: str) -> HttpResponse:
    """Open the link as a browser does; the answer is the form, or the page that says why there is none."""
    return client.get(url.removeprefix("http://127.0.0.1:8000"), follow=True)


def set_password(client: Client, form: HttpResponse, password: str = NEW) -> HttpResponse:
    return client.post(form.context["action_url"], {"password1": password, "password2": password})


def test_a_forgotten_password_is_replaced_through_a_mailed_link(client: Client, alice: User, mails: Mails) -> None:
    assert ask("Alice@Clinic.Example", client)["Location"] == "/accounts/password/reset/done/"
    [mail] = mails()
    assert (mail.to, mail.subject) == (["alice@clinic.example"], "Set your password for FHIR Inbox")
    assert "{" not in mail.body and "<" not in mail.body
    form = follow(client, link(mail))
    assert form.redirect_chain[-1][0].endswith("-set-password/")
    assert 'autocomplete="username" value="alice@clinic.example"' in body(form)
    assert 'aria-describedby="id_password1_helptext"' in body(form) and "At least 8 characters" in body(form)
    answer = set_password(client, form)
    assert (answer.status_code, answer["Location"]) == (302, "/threads/")
    assert answer.cookies["sessionid"]["max-age"] == ""
    assert is_signed_in(client)
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_the_link_works_once(client: Client, alice: User, mails: Mails) -> None:
    ask(alice.email)
    url = link(mails()[0])
    set_password(client, follow(client, url))
    again = follow(Client(), url)
    assert "This link does not work any more" in body(again)


def test_the_host_of_the_link_is_a_setting_and_not_what_the_request_says(
    alice: User, mails: Mails, settings: Any
) -> None:
    settings.ALLOWED_HOSTS, settings.BASE_URL = ["*"], "https://inbox.clinic.example"
    ask(alice.email, headers={"Host": "evil.example"})
    assert link(mails()[0]).startswith("https://inbox.clinic.example/accounts/password/reset/key/")
    assert "evil" not in mails()[0].body


def test_a_new_password_ends_every_other_session(client: Client, signed_in: Client, alice: User, mails: Mails) -> None:
    ask(alice.email)
    set_password(browser := Client(), follow(browser, link(mails()[0])))
    assert is_signed_in(browser)
    assert not is_signed_in(signed_in)


def test_the_link_of_somebody_deactivated_since_is_void(client: Client, alice: User, mails: Mails) -> None:
    ask(alice.email)
    form = follow(client, link(mails()[0]))
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert "This link does not work any more" in body(set_password(client, form))
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_an_address_that_was_changed_since_gets_no_links(alice: User, mails: Mails) -> None:
    ask(alice.email)
    old_link = link(mails()[0])
    User.objects.filter(pk=alice.pk).update(email="alice@home.example")
    mails().clear()
    ask("alice@clinic.example")
    assert mails() == [] and not EmailAddress.objects.exists()
    assert "This link does not work any more" in body(follow(Client(), old_link))


def test_two_different_passwords_are_refused_where_they_were_typed(client: Client, alice: User, mails: Mails) -> None:
    ask(alice.email)
    form = follow(client, link(mails()[0]))
    page = client.post(form.context["action_url"], {"password1": NEW, "password2": "other"})
    assert page.status_code == 200 and 'id="id_password2_error"' in body(page)
    assert not is_signed_in(client)


@pytest.fixture
def broken_post(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The mail server refuses everything."""
    tried: list[int] = []

    def refuse(self: EmailBackend, messages: Any) -> int:
        tried.append(len(messages))
        raise OSError("no route to the mail server")

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    return tried


def answers_to_reset(*emails: str) -> set[Any]:
    found = set()
    for email in emails:
        client = Client()
        answer = ask(email, client)
        page = client.get(answer["Location"])
        found.add((answer.status_code, answer["Location"], answer.content, tuple(client.cookies), body(page)))
    return found


def test_ac90_a_reset_is_answered_the_same_for_every_kind_of_account(
    alice: User, deactivated: User, without_password: User, mails: Mails
) -> None:
    answers = answers_to_reset(alice.email, deactivated.email, without_password.email, "nobody@clinic.example")
    assert len(answers) == 1
    assert [mail.to for mail in mails()] == [[alice.email], [without_password.email]]


def test_ac90_a_mail_that_can_not_be_sent_changes_nothing_in_the_answer(
    alice: User, broken_post: list[int], mails: Mails, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(answers_to_reset(alice.email, "nobody@clinic.example")) == 1
    mails()
    assert broken_post == [1]
    assert "was not sent: OSError" in caplog.text and alice.email not in caplog.text


def test_ac90_nobody_waits_for_the_mail_server(alice: User, monkeypatch: pytest.MonkeyPatch, mails: Mails) -> None:
    posted: list[Any] = []
    monkeypatch.setattr("accounts.adapter.postman", SimpleNamespace(submit=lambda *job: posted.append(job)))
    assert ask(alice.email).status_code == 302
    assert len(posted) == 1


def test_the_password_is_changed_by_who_knows_the_old_one(signed_in: Client, alice: User) -> None:
    elsewhere = Client()
    elsewhere.force_login(alice)
    form = {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    refused = signed_in.post("/accounts/password/change/", form)
    assert "This is not your present password." in body(refused)
    changed = signed_in.post("/accounts/password/change/", form | {"oldpassword": PASSWORD}, follow=True)
    assert "Your password is changed." in body(changed)
    assert is_signed_in(signed_in) and not is_signed_in(elsewhere)
    alice.refresh_from_db()
    assert alice.check_password(NEW)


@pytest.mark.parametrize("weak", ["short", "password1234", "83746501928", "alice@clinic.example"])
def test_a_password_that_is_easy_to_guess_is_refused(signed_in: Client, alice: User, weak: str) -> None:
    page = signed_in.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": weak, "password2": weak})
    assert 'id="id_password1_error"' in body(page)
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_who_has_no_password_is_led_to_the_mailed_link(client: Client, without_password: User) -> None:
    client.force_login(without_password)
    page = client.get("/accounts/password/change/", follow=True)
    assert page.redirect_chain[-1][0] == "/accounts/password/reset/"


def guess(sign_in: SignIn, email: str, times: int, **extra: Any) -> None:
    for number in range(times):
        assert sign_in(email, f"guess {number}", **extra).status_code == 200


def later(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    clock = SimpleNamespace(time=lambda: time.time() + seconds, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(ratelimit, "time", clock)


def test_ac94_the_eleventh_guess_at_an_account_is_told_to_wait(client: Client, alice: User, sign_in: SignIn) -> None:
    guess(sign_in, alice.email, 10)
    answer = sign_in(alice.email)
    assert (answer.status_code, answer["Retry-After"]) == (429, "300")
    assert "Please wait five minutes" in body(answer)
    assert not is_signed_in(client)


def test_ac94_an_unknown_address_is_limited_like_a_known_one(alice: User, sign_in: SignIn) -> None:
    guess(sign_in, "nobody@clinic.example", 10)
    assert sign_in("nobody@clinic.example").status_code == 429


def test_ac94_neither_another_address_nor_forged_headers_nor_a_host_resets_the_limit_of_an_account(
    alice: User, sign_in: SignIn, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    guess(sign_in, alice.email, 10)
    for extra in (
        {"REMOTE_ADDR": "198.51.100.7"},
        {"headers": {"X-Forwarded-For": "203.0.113.9"}},
        {"headers": {"Host": "other.example"}},
    ):
        assert sign_in(alice.email, **extra).status_code == 429
    assert sign_in("ALICE@CLINIC.EXAMPLE").status_code == 429


def test_ac94_one_address_may_not_guess_at_many_accounts_whatever_it_forwards(alice: User, sign_in: SignIn) -> None:
    for number in range(20):
        forged = {"headers": {"X-Forwarded-For": f"203.0.113.{number}"}}
        assert sign_in(f"person{number}@clinic.example", "wrong", **forged).status_code == 200
    assert sign_in(alice.email, headers={"X-Forwarded-For": "198.51.100.1"}).status_code == 429
    assert sign_in(alice.email, REMOTE_ADDR="198.51.100.1").status_code == 302


def test_ac94_behind_a_proxy_the_address_that_it_added_counts(sign_in: SignIn, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(20):
        forged = {"headers": {"X-Forwarded-For": f"203.0.113.{number}, 192.0.2.1"}}
        assert sign_in(f"person{number}@clinic.example", "wrong", **forged).status_code == 200
    assert sign_in("x@y.example", headers={"X-Forwarded-For": "203.0.113.99, 192.0.2.1"}).status_code == 429
    assert sign_in("x@y.example", headers={"X-Forwarded-For": "203.0.113.99, 192.0.2.2"}).status_code == 200


def test_ac94_good_logins_of_a_busy_clinic_are_not_guesses(alice: User, sign_in: SignIn, client: Client) -> None:
    for _number in range(25):
        assert sign_in(alice.email).status_code == 302
        client.logout()


def test_ac94_the_limit_ends_when_it_says(
    alice: User, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    guess(sign_in, alice.email, 10)
    refused = sign_in(alice.email)
    assert refused.status_code == 429
    later(monkeypatch, int(refused["Retry-After"]) + 1)
    assert sign_in(alice.email).status_code == 302


def test_ac94_a_victim_of_guessing_gets_in_through_the_mailbox(alice: User, sign_in: SignIn, mails: Mails) -> None:
    guess(sign_in, alice.email, 10)
    assert sign_in(alice.email).status_code == 429
    at_home = Client(REMOTE_ADDR="198.51.100.7")
    ask(alice.email, at_home)
    assert set_password(at_home, follow(at_home, link(mails()[0])))["Location"] == "/threads/"
    assert is_signed_in(at_home)
    at_home.post("/accounts/logout/")
    again = at_home.post("/accounts/login/", {"login": alice.email, "password": NEW})
    assert again.status_code == 302


def test_ac94_who_guesses_can_not_start_again_by_changing_a_password_of_their_own(
    signed_in: Client, sign_in: SignIn
) -> None:
    for number in range(20):
        form = {"login": f"person{number}@clinic.example", "password": "wrong"}
        assert Client().post("/accounts/login/", form).status_code == 200
    change = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert signed_in.post("/accounts/password/change/", change).status_code == 302
    assert Client().post("/accounts/login/", form).status_code == 429


def test_ac94_asking_for_links_is_limited_for_known_and_unknown_alike(alice: User, mails: Mails) -> None:
    for email in (alice.email, "nobody@clinic.example"):
        assert [ask(email).status_code for _ in range(4)] == [302, 302, 302, 429]
    assert ask(alice.email)["Retry-After"] == "300"
    assert len(mails()) == 3


def test_ac94_the_old_password_is_not_guessed_in_a_live_session(signed_in: Client) -> None:
    form = {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    statuses = [signed_in.post("/accounts/password/change/", form).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
