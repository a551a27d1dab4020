"""Who takes part: look, add, remove, leave."""

from django.contrib import messages as notices
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from inbox.fhir import outcome
from inbox.forms import PersonForm
from inbox.http import InboxRequest
from inbox.services import participants, people, threads
from inbox.services.participants import Changed
from inbox.views import shell
from inbox.views.threads import beside, listing


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: InboxRequest, thread_id: str) -> HttpResponse:
    """GET: the participants, and with `?q=` people to add. POST: add one."""
    return _add(request, thread_id) if request.method == "POST" else _page(request, thread_id)


@require_POST
def remove(request: InboxRequest, thread_id: str) -> HttpResponse:
    """Remove one person; what they have received stays theirs."""
    form = PersonForm(request.POST)
    if not form.is_valid():
        return _page(request, thread_id, status=422)
    person, seen = form.cleaned_data["person"], form.cleaned_data["seen"]
    try:
        participants.remove(request.repo, thread_id, person, seen=seen)
    except Changed as changed:
        return _page(request, thread_id, status=409, changed=changed, removing=person)
    except outcome.Unprocessable as refused:
        return _page(request, thread_id, status=422, error=refused.text)
    notices.success(request, _("The person is removed."))
    return shell.go(request, "people", thread_id)


@require_POST
def leave(request: InboxRequest, thread_id: str) -> HttpResponse:
    """Leave a thread and go back to the list."""
    try:
        participants.leave(request.repo, thread_id)
    except outcome.Unprocessable as refused:
        return _page(request, thread_id, status=422, error=refused.text)
    notices.success(request, _("You left the thread."))
    return redirect("threads")


def _add(request: InboxRequest, thread_id: str) -> HttpResponse:
    form = PersonForm(request.POST)
    if not form.is_valid():
        return _page(request, thread_id, status=422, error=_("Choose a person first."))
    person, seen = form.cleaned_data["person"], form.cleaned_data["seen"]
    try:
        added = participants.add(request.repo, thread_id, person, seen=seen)
    except Changed as changed:
        return _page(request, thread_id, status=409, changed=changed, adding=person)
    except outcome.Unprocessable as refused:
        return _page(request, thread_id, status=422, error=refused.text)
    if added.warning:
        notices.warning(request, added.warning)
    else:
        notices.success(request, _("%(name)s takes part from now on.") % {"name": added.person.name})
    return shell.go(request, "people", thread_id)


def _page(request: InboxRequest, thread_id: str, *, status: int = 200, **more: object) -> HttpResponse:
    """The participants as they are now; `more` is what went wrong, and the change that is not made yet."""
    thread = threads.get(request.repo, thread_id)
    text = (request.POST or request.GET).get("q", "").strip()
    there = {person.reference for person in thread.people}
    found = [person for person in people.search(request.repo, text) if person.reference not in there] if text else []
    pending = next((person for person in found if person.reference == more.get("adding")), None)
    context = {
        "thread": thread,
        "q": text,
        "found": found,
        "pending": pending,
        **beside(request, thread),
        **listing(request),
        **more,
    }
    return shell.page(request, "people.html", context, fragments=("conversation", "found"), status=status)
