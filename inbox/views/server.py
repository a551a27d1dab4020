"""The administrator's page about where the data are, and what a remote FHIR server lacks."""

from django.db import connection
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from inbox import fhir
from inbox.http import InboxRequest
from inbox.views import shell

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@require_GET
def show(request: InboxRequest) -> HttpResponse:
    """Where the data are; who may not decide about access finds no such page."""
    if not request.repo.may("update", "AccessPolicy"):
        raise Http404
    remote = fhir.remote_status()
    context = {"remote": remote, "database": NAMES.get(connection.vendor, connection.vendor), "section": "server"}
    return shell.private(render(request, "clinic/server.html", context))
