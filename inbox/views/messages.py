"""Older messages, replies and internal notes: two addresses, so that neither of the last two becomes the other."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import reswap, retarget

from inbox.fhir import outcome
from inbox.forms import MessageForm
from inbox.http import InboxRequest
from inbox.services import messages, threads
from inbox.services.messages import Item
from inbox.views import shell
from inbox.views.threads import composer, conversation


@require_http_methods(["GET", "HEAD", "POST"])
def replies(request: InboxRequest, thread_id: str) -> HttpResponse:
    """POST: send a reply. GET with `?before=`: the page of older messages."""
    if request.method == "POST":
        return _post(request, thread_id, internal=False)
    return _older(request, thread_id)


@require_POST
def notes(request: InboxRequest, thread_id: str) -> HttpResponse:
    """Post an internal note, which only staff will read."""
    return _post(request, thread_id, internal=True)


def _older(request: InboxRequest, thread_id: str) -> HttpResponse:
    before = request.GET.get("before", "")
    if not request.htmx:
        return redirect(reverse("thread", args=[thread_id], query={"before": before}))
    thread = threads.get(request.repo, thread_id)
    context = {"thread": thread, "timeline": messages.page(request.repo, thread, before=before)}
    return shell.private(render(request, "_older.html", context))


def _post(request: InboxRequest, thread_id: str, *, internal: bool) -> HttpResponse:
    form = MessageForm(request.POST)
    if form.is_valid() and "read" in request.POST:
        return conversation(request, threads.get(request.repo, thread_id), form=form)
    if form.is_valid() and form.cleaned_data["kind"] == ("reply" if internal else "note"):
        form.add_error(
            "text",
            _("The switch and the button did not agree, so nothing was sent. Choose Reply or Internal note again."),
        )
    if not form.is_valid():
        return _not_sent(request, thread_id, form)
    try:
        sent = messages.send(request.repo, thread_id, internal=internal, **form.sent())
    except messages.Unseen as unseen:
        return _not_sent(request, thread_id, form, status=409, unseen=unseen.items)
    except messages.Closed:
        return _not_sent(request, thread_id, form, status=409, late=True)
    except outcome.Unprocessable as refused:
        form.add_error("text", refused.text)
        return _not_sent(request, thread_id, form)
    return _sent(request, thread_id, sent, form)


def _sent(request: InboxRequest, thread_id: str, sent: Item, form: MessageForm) -> HttpResponse:
    """The message alone, to be put at the end; after `anyway` the whole conversation, which holds more that is new."""
    if not request.htmx or form.cleaned_data["anyway"]:
        return shell.go(request, "thread", thread_id, anchor=f"#m-{sent.id}")
    response = render(request, "_sent.html", {"item": sent, "form": MessageForm.fresh(seen=sent.id)})
    return shell.changed(reswap(retarget(shell.private(response), "#messages"), "beforeend"))


def _not_sent(
    request: InboxRequest, thread_id: str, form: MessageForm, *, status: int = 422, **more: object
) -> HttpResponse:
    """The composer again, with the text, the reason and the same client id."""
    thread = threads.get(request.repo, thread_id)
    if request.htmx.target != "composer":
        return conversation(request, thread, form=form, status=status, **more)
    return composer(request, thread, form, status=status, **more)
