"""What every page shares: the clinic's or the portal's shell, the unread badge, and how a page is rendered."""

from collections.abc import Collection
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django_htmx.http import HttpResponseLocation, trigger_client_event

from inbox.http import InboxRequest
from inbox.services import threads

gettext_noop("by the end of the next working day")  # the default of REPLY_TIME; another one is shown as it is written


def context(request: HttpRequest) -> dict[str, Any]:
    """The names that every template may use; a request without a member (login, errors) has only the first ones."""
    shared: dict[str, Any] = {
        "site_name": settings.SITE_NAME,
        "emergency_number": settings.EMERGENCY_NUMBER,
        "clinic_phone": settings.CLINIC_PHONE,
        "reply_time": _(settings.REPLY_TIME),
        "icons": static("icons.svg"),
        "shell": name(request),
    }
    actor = getattr(request, "actor", None)
    repo = getattr(request, "repo", None)
    if actor is None or repo is None:
        return shared
    # Functions, so that a page that shows no badge asks nothing; cached, so that one that shows two asks once.
    return {
        **shared,
        "me": actor,
        "unread_count": cache(lambda: threads.unread_count(repo)),
        "may_start": cache(lambda: repo.may("create", "Communication")),
    }


def name(request: HttpRequest) -> str:
    """Whose pages these are: `clinic` for a practitioner's profile, `portal` for a patient's or carer's."""
    actor = getattr(request, "actor", None)
    return "portal" if actor is not None and actor.kind in ("Patient", "RelatedPerson") else "clinic"


def page(
    request: InboxRequest,
    template: str,
    context: dict[str, Any],
    *,
    fragments: Collection[str] = (),
    status: int = 200,
) -> HttpResponse:
    """Render a page of the shell, or the one of its `fragments` that htmx asks for by the id of its target."""
    path = f"{name(request)}/{template}"
    fragment = request.htmx.target in fragments and not request.htmx.history_restore_request
    if fragment:
        path = f"{path}#{request.htmx.target}"
    return private(render(request, path, {**context, "fragment": fragment}, status=status))


def private(response: HttpResponse) -> HttpResponse:
    """Keep an answer out of every cache: the next person at this screen must not find it with Back."""
    response["Cache-Control"] = "no-store"
    patch_vary_headers(response, ["Cookie", "HX-Request", "HX-Target"])
    return response


def go(request: InboxRequest, view: str, thread_id: str, *, anchor: str = "") -> HttpResponse:
    """Show a thread's page after a change: a redirect, or for htmx its conversation; the list is told to look again."""
    path = reverse(view, args=[thread_id])
    if not request.htmx:
        return redirect(path + anchor)
    answer = HttpResponseLocation(path, target="#conversation", swap="outerHTML")
    return changed(answer)


def changed(response: HttpResponse) -> HttpResponse:
    """Tell the page that threads changed, so that its list and badge look again."""
    return trigger_client_event(response, "inbox:changed")
