"""What this product wants of allauth: no sign-up, one answer for every address, links and mails of our own."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core import context as current
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import respond_429
from django.conf import settings
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from .models import User

logger = logging.getLogger(__name__)

postman = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")
"""Sends mail after the answer: neither its time nor its failure may tell which addresses have an account."""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth's decisions, where ours differ; each method says why."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("E-mail or password is wrong."),
        "enter_current_password": _("This is not your present password."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts are made by administrators."""
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        """One way in: the forms, not the JSON that allauth would speak beside them."""
        return False

    def is_safe_url(self, url: str) -> bool:
        """After signing in people stay on this host."""
        return url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The account, if it may sign in; a deactivated one gets the same answer as a wrong password."""
        self.pre_authenticate(request, **credentials)
        user = authenticate(request, **credentials)
        AuthenticationBackend.unstash_authenticated_user()
        if user is not None:
            self._rollback_login_failed_rl_usage()
        return user

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Too many wrong passwords is 429, which allauth shows as a mistake in the form."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            raise ImmediateHttpResponse(respond_429(request)) from None

    def login(self, request: HttpRequest, user: User) -> None:
        """A session ends with the browser, whichever way it began."""
        super().login(request, user)
        request.session.set_expiry(0)

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """No page tells that an account exists but is deactivated."""
        return redirect("account_login")

    def set_password(self, user: User, password: str) -> None:
        """Who sets a new password by e-mail need not wait for the guesses of others to be forgotten."""
        super().set_password(user, password)
        if not current.request.user.is_authenticated:
            self._delete_login_attempts_cached_email(current.request, email=user.email)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """allauth counts for each host name, and a host name is the caller's to choose."""
        return str(credentials.get("email", "")).lower()

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link in the mail; its host is a setting, never what the request says."""
        uid, _dash, token = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
        return f"{settings.BASE_URL}{path}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write the mail now, in this person's language, and send it later."""
        names = {"site_name": settings.SITE_NAME, "base_url": settings.BASE_URL}
        postman.submit(deliver, self.render_mail(template_prefix, email, {**context, **names}))


def deliver(message: EmailMessage) -> None:
    """Send one mail; a failure is the operator's to see, without the address."""
    try:
        message.send()
    except Exception as error:
        logger.error("The mail “%s” was not sent: %s", message.subject, type(error).__name__)
