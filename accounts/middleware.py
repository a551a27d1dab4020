"""Who is asking: signed in or not, in which practice, as which profile, under which policy.

Everything is closed but the few addresses listed here, so that a page which forgets to ask is closed as well.
"""

import logging
import re
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext_lazy as _
from django_htmx.middleware import HtmxDetails

from inbox.fhir.guard import Guarded
from inbox.fhir.types import Actor

from .acting import Broken, act, active_memberships
from .models import Membership, User
from .throttling import tell

logger = logging.getLogger(__name__)

OPEN_PATHS = ("/healthz", "/readyz")
MACHINES = re.compile(r"/(fhir(/|$)|auth/me$|oauth2/(token|revoke|userinfo|logout)$|\.well-known/|ws/)")
"""Addresses where a session means nothing: each view there asks for a bearer's token, or is for everybody."""
SIGNED_OUT = {
    "account_login",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "set_language",
}
NO_PRACTICE = SIGNED_OUT | {"account_logout", "account_change_password", "account_set_password"}

RETRY_AFTER = 300
"""Seconds after which no rate limit of the settings remembers what came before."""

BROKEN = _("Your access is not set up correctly. Please tell your administrator.")


class Request(HttpRequest):
    """What earlier middleware and this one add."""

    htmx: HtmxDetails
    membership: Membership
    actor: Actor
    repo: Guarded


class MembershipMiddleware:
    """Lets members through with `request.actor` and `request.repo`; everybody else meets a page that says why not."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponseBase:
        path = request.path_info
        if path in OPEN_PATHS or path.startswith(settings.STATIC_URL) or MACHINES.match(path):
            answer = self.get_response(request)
            tell(request, answer)
            return answer
        had_session = SESSION_KEY in request.session
        answer = refusal(request) or self.get_response(request)
        if had_session and not request.user.is_authenticated:
            answer["Clear-Site-Data"] = '"cache"'
        keep_private(answer)
        return answer


def refusal(request: Request) -> HttpResponse | None:
    """The answer for somebody who may not pass, None for everybody else; members get their repository here."""
    name = url_name(request)
    if not isinstance(request.user, User):
        if SESSION_KEY in request.session:  # deactivated or deleted since
            request.session.flush()
        return None if name in SIGNED_OUT else to_login(request, place(request))
    memberships = active_memberships(request.user)
    if not memberships:
        return None if name in NO_PRACTICE else no_membership(request)
    try:
        admit(request, memberships)
    except Broken as error:
        logger.error("The policy of user %s can not be used: %s", request.user.pk, error)
        return broken(request)
    return None


def url_name(request: HttpRequest) -> str:
    """The name of the page; nothing for an address that does not exist, which is as closed as any other."""
    try:
        return resolve(request.path_info).view_name
    except Resolver404:
        return ""


def admit(request: Request, memberships: list[Membership]) -> None:
    """Let the request act as the chosen membership, else as the oldest; raises Broken."""
    wanted = request.session.get("membership")
    chosen = next((each for each in memberships if each.pk == wanted), memberships[0])
    request.repo = act(chosen, memberships)
    request.membership, request.actor = chosen, request.repo.actor


def broken(request: Request) -> HttpResponse:
    """Sign out and say so: a policy that can not be read gives no access, not even a default one."""
    logout(request)
    messages.error(request, BROKEN)
    return to_login(request, "")


def no_membership(request: Request) -> HttpResponse:
    """A plain page for an account without a practice; htmx is told to show it as a page."""
    page = render(request, "accounts/no_membership.html", status=403)
    if request.htmx:
        page["HX-Refresh"] = "true"
    return page


def to_login(request: Request, after: str) -> HttpResponse:
    """Off to the sign-in page, from where a person comes back to `after`; a text that was sent is shown again."""
    typed = {name: request.POST.get(name, "").strip() for name in ("text", "topic")} if request.method == "POST" else {}
    if typed.get("text") and not request.htmx:
        return render(request, "403_csrf.html", typed, status=403)
    url = reverse("account_login") + (f"?{urlencode({'next': after})}" if after else "")
    if not request.htmx:
        return redirect(url)
    return HttpResponse(status=401, headers={"HX-Redirect": url})


def place(request: Request) -> str:
    """The page on which this person was, as a path of this host; only ever a place to return to."""
    if request.htmx:
        return request.htmx.current_url_abs_path or ""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    came_from = urlsplit(request.headers.get("Referer", ""))
    if came_from.netloc != request.get_host():
        return ""
    return came_from._replace(scheme="", netloc="").geturl()


def keep_private(answer: HttpResponseBase) -> None:
    """No page is kept by a browser or a proxy; a file may say otherwise for itself."""
    if answer.get("Content-Type", "").startswith("text/html"):
        answer["Cache-Control"] = "no-store"
    answer.setdefault("Cache-Control", "no-store")
    if answer.status_code == 429:
        answer.setdefault("Retry-After", str(RETRY_AFTER))
