"""Errors become HTTP here, once: the tree of `inbox.fhir.outcome`, Django's own errors, and forms that are too old."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static

from inbox.fhir import outcome
from inbox.views import shell

View = Callable[..., HttpResponse]

PAGES = {
    400: "400.html",
    401: "403.html",
    403: "403.html",
    404: "404.html",
    409: "409.html",
    422: "400.html",
    503: "503.html",
}
WAIT = 5
"""Seconds after which to try again, when nobody knows better."""
SAME_PAGE = {410: 404, 412: 409}
"""Deleted answers like never there, so that nobody learns what was; a lost race is a lost race by either name."""


def told(view: View) -> View:
    """A view whose FHIR errors are answered with the page of their status."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except outcome.FHIRError as error:
            return failed(request, SAME_PAGE.get(error.status, error.status), wait=getattr(error, "retry_after", 0))

    return answered


def failed(request: HttpRequest, status: int, *, wait: int = 0) -> HttpResponse:
    """The page of a status. It says nothing about what was asked for: unknown and hidden are the same bytes.

    Where the store is busy or a remote server away it says when to try again (`wait` seconds), and shows what was
    typed, so that it can be copied.
    """
    context = typed(request) if status == 503 else {}
    answer = shell.private(render(request, PAGES.get(status, "500.html"), context, status=status))
    if status == 503:
        answer["Retry-After"] = str(wait or WAIT)
    return answer


def typed(request: HttpRequest) -> dict[str, str]:
    """The text and topic that a form brought."""
    return {name: request.POST.get(name, "").strip() for name in ("text", "topic")}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return failed(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    return failed(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return failed(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500; asks neither the database nor the session, which may be what broke."""
    page = render_to_string("500.html", {"site_name": settings.SITE_NAME, "icons": static("icons.svg")})
    return HttpResponse(page, status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form from an older session: refused, and what was typed is shown so that it can be copied."""
    return shell.private(render(request, "403_csrf.html", typed(request), status=403))
