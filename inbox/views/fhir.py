"""Show FHIR: a resource as JSON, two versions of it side by side, and lists that lead from one to the next."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from inbox.http import InboxRequest
from inbox.services import jsonlines, records
from inbox.views import shell
from inbox.views.threads import listing

FHIR_JSON = "application/fhir+json"
VERSIONS = 20
"""Versions listed at once; a thread has one for every message."""


@require_safe
def show(request: InboxRequest, type: str, id: str, version: str = "") -> HttpResponse:
    """One resource; `?with=` compares it with another version, `?all=1` cuts nothing, `?format=json` is the JSON."""
    if request.GET.get("format") == "json":
        return _file(records.export(request.repo, type, id, version=version), f"{type}-{id}.json")
    record = records.get(request.repo, type, id, version=version, against=request.GET.get("with", ""))
    whole = request.GET.get("all") == "1"
    if record.against:
        lines = jsonlines.compare(record.before, record.text, whole=whole)
    else:
        lines = jsonlines.show(record.text, whole=whole)
    versions = record.versions if whole else record.versions[:VERSIONS]
    return _page(request, "fhir.html", {"record": record, "json": lines, "whole": whole, "versions": versions})


@require_safe
def index(request: InboxRequest, type: str) -> HttpResponse:
    """What belongs to a Communication: `Communication/?part-of=`, `Task/?focus=`; `?after=` continues."""
    parameter = records.parameter(type)
    target = request.GET.get(parameter, "")
    found = records.belonging(request.repo, type, target, cursor=request.GET.get("after", ""))
    return _page(request, "fhir_list.html", {"type": type, "parameter": parameter, "found": found})


def _page(request: InboxRequest, template: str, context: dict[str, object]) -> HttpResponse:
    """One template for both shells: staff keep the rail beside it, whose links come with the list of threads."""
    return shell.private(render(request, f"clinic/{template}", {**listing(request), **context}))


def _file(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type=f"{FHIR_JSON}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return shell.private(response)
