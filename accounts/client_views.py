"""The administrator's pages for machine clients: who there is, a new one, its secret, its tokens."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inbox.fhir.repository import Repository

from . import clients
from .forms import ClientForm
from .middleware import Request
from .models import Membership

View = Callable[..., HttpResponse]


def administers(repo: Repository) -> bool:
    """Whether these pages are for this person: who may change policies decides what machines may do."""
    return repo.may("update", "AccessPolicy")


def context(request: HttpRequest) -> dict[str, Any]:
    """What the pages of members ask: whether to show the way here."""
    repo = getattr(request, "repo", None)
    return {"may_administer": repo is not None and administers(repo)}


def administrators(view: View) -> View:
    """A page for administrators; for everybody else it is not there."""

    @wraps(view)
    def guarded(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        if not administers(request.repo):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@require_GET
@administrators
def index(request: Request) -> HttpResponse:
    """The clients of the practice."""
    return shown(request, "clinic/clients.html", {"clients": clients.of(request.membership.practice)})


@require_http_methods(["GET", "POST"])
@administrators
def new(request: Request) -> HttpResponse:
    """Make a client; the answer to the form is the one page that shows its secret."""
    practice = request.membership.practice
    form = ClientForm(request.POST or None, practice=practice)
    if request.method == "POST" and form.is_valid():
        try:
            client, secret = clients.create(practice, **form.values())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            noted(request, "create", client)
            return page(request, client, secret=secret, made=True)
    status = 422 if form.errors else 200
    return shown(request, "clinic/client_new.html", {"form": form}, status=status)


@require_GET
@administrators
def show(request: Request, client_id: str) -> HttpResponse:
    """One client and its tokens."""
    return page(request, found(request, client_id))


@require_POST
@administrators
def rotate(request: Request, client_id: str) -> HttpResponse:
    """Give a machine a new secret, and show it."""
    client = found(request, client_id)
    if client.is_app:
        raise Http404
    secret = clients.rotate(client)
    noted(request, "update", client)
    return page(request, client, secret=secret)


@require_POST
@administrators
def close(request: Request, client_id: str) -> HttpResponse:
    """Deactivate a client."""
    client = found(request, client_id)
    clients.close(client)
    noted(request, "update", client)
    messages.success(request, _("Deactivated. Its tokens have ended."))
    return redirect("client", client_id)


@require_POST
@administrators
def reopen(request: Request, client_id: str) -> HttpResponse:
    """Activate a client again."""
    client = found(request, client_id)
    clients.reopen(client)
    noted(request, "update", client)
    messages.success(request, _("It can log in again."))
    return redirect("client", client_id)


@require_POST
@administrators
def revoke(request: Request, client_id: str, token: int) -> HttpResponse:
    """End one token."""
    client = found(request, client_id)
    clients.revoke(client, token)
    noted(request, "update", client)
    messages.success(request, _("The token has ended."))
    return redirect("client", client_id)


def found(request: Request, client_id: str) -> Membership:
    """A client of this practice; one of another practice is not there."""
    client = clients.of(request.membership.practice).filter(client=client_id).first()
    if client is None:
        raise Http404
    return client


def page(request: Request, client: Membership, **more: Any) -> HttpResponse:
    """The page of a client."""
    return shown(request, "clinic/client.html", {"client": client, "tokens": clients.given(client), **more})


def shown(request: Request, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """One of these pages."""
    return render(request, template, {**context, "section": "clients"}, status=status)


def noted(request: Request, interaction: str, client: Membership) -> None:
    """Write into the audit trail who changed which client."""
    request.repo.trail.read(interaction, "ClientApplication", str(client.client_id))
