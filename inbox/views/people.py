"""The people picker: who may be chosen for a thread."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from inbox.forms import ThreadForm
from inbox.http import InboxRequest
from inbox.services import people
from inbox.services.people import Person
from inbox.views import shell


@require_safe
def options(request: InboxRequest) -> HttpResponse:
    """The options of one picker for what is typed so far: `?for=patient&patient_q=homer` or `?people_q=bob`."""
    form = ThreadForm(initial=_typed(request))
    only = "patient" if request.GET.get("for") == "patient" else "people"
    context = {"form": form, "asked": True, **pickers(request, form, only=only)}
    return shell.private(render(request, f"_{only}_options.html", context))


def pickers(request: InboxRequest, form: ThreadForm, *, only: str = "") -> dict[str, Any]:
    """Who can be chosen: in the portal all who may be written to, in the clinic the chosen ones and those who match."""
    if shell.name(request) == "portal":
        found = {"patients": people.subjects(request.repo), "people": people.writable(request.repo)}
    else:
        found = {
            "patients": _options(request, form, "patient") if only != "people" else [],
            "people": _options(request, form, "people") if only != "patient" else [],
        }
    return {
        **found,
        "chosen_patient": form.kept("patient").partition("|")[0],
        "chosen_people": [person.reference for person in form.chosen("people")],
        "ticked": form.ticked(),
    }


def _options(request: InboxRequest, form: ThreadForm, field: str) -> list[Person]:
    chosen = form.chosen(field)
    text = form.kept(f"{field}_q").strip()
    find = people.patients if field == "patient" else people.search
    found = find(request.repo, text) if text else []
    there = {person.reference for person in chosen}
    return chosen + [person for person in found if person.reference not in there]


def _typed(request: InboxRequest) -> dict[str, Any]:
    query = request.GET
    return {
        "patient": query.get("patient", ""),
        "patient_q": query.get("patient_q", ""),
        "people": query.getlist("people"),
        "people_q": query.get("people_q", ""),
    }
