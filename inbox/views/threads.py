"""The list, one conversation, a new thread, close and reopen."""

from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages as notices
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from inbox.fhir import outcome
from inbox.forms import MessageForm, ThreadForm, new_client_id
from inbox.http import InboxRequest
from inbox.services import messages, people, receipts, threads
from inbox.services.messages import Quote
from inbox.services.threads import ListFilter, Thread
from inbox.views import shell
from inbox.views.people import pickers


@require_safe
def index(request: InboxRequest) -> HttpResponse:
    """The list of threads; `?status=closed&scope=all&unread=1&patient=…&tag=…&after=…` say which."""
    return shell.page(request, "threads.html", listing(request), fragments=("threads", "rows", "more"))


@require_safe
def show(request: InboxRequest, thread_id: str) -> HttpResponse:
    """One conversation; `?before=` begins it at an older message, `?reply_to=` answers one message."""
    thread = threads.get(request.repo, thread_id)
    form = MessageForm.fresh(in_response_to=request.GET.get("reply_to", ""), kind=request.GET.get("kind", ""))
    if request.htmx.target == "composer":
        return composer(request, thread, form.again(request.GET.get("seen", "")))
    response = conversation(request, thread, form=form)
    return trigger_client_event(response, "inbox:read") if request.htmx else response


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: InboxRequest) -> HttpResponse:
    """Write a new thread; a POST with `find` only looks for people and keeps what is typed."""
    if not request.repo.may("create", "Communication"):
        raise outcome.Forbidden()
    finding = "find" in request.POST
    form = _thread_form(request, finding=finding)
    if form.is_bound and form.is_valid():
        try:
            thread_id = threads.start(request.repo, **form.started())
        except outcome.Unprocessable as refused:
            field = next((name for name in refused.expression if name in form.fields), None)
            form.add_error(field, refused.text)
        else:
            return _started(request, thread_id)
    context = {"form": form, "asked": finding, "all_tags": threads.tags(), **listing(request), **pickers(request, form)}
    return shell.page(request, "new.html", context, status=422 if form.errors else 200)


@require_safe
def sent(request: InboxRequest, thread_id: str) -> HttpResponse:
    """What happens after a patient's message has been sent."""
    return shell.page(request, "sent.html", {"thread": threads.get(request.repo, thread_id), **listing(request)})


@require_POST
def close(request: InboxRequest, thread_id: str) -> HttpResponse:
    """Close a thread; asks first when something came that its reader has not seen."""
    thread = threads.get(request.repo, thread_id)
    if thread.may_close and "anyway" not in request.POST and receipts.unread_among(request.repo, [thread.reference]):
        return conversation(request, thread, status=409, asks="close")
    try:
        threads.close(request.repo, thread_id, version=request.POST.get("version", ""))
    except outcome.Stale:
        return conversation(request, threads.get(request.repo, thread_id), status=409, asks="close")
    notices.success(request, _("The thread is closed."))
    return shell.go(request, "thread", thread_id)


@require_POST
def reopen(request: InboxRequest, thread_id: str) -> HttpResponse:
    """Reopen a thread; a `text` that could not be sent because it was closed is put back into the box."""
    try:
        threads.reopen(request.repo, thread_id, version=request.POST.get("version", ""))
    except outcome.Stale:
        return conversation(request, threads.get(request.repo, thread_id), status=409, asks="reopen")
    notices.success(request, _("The thread is open again."))
    if request.POST.get("text", ""):
        # The same kind as before: what was typed as a note must never come back as a reply.
        thread = threads.get(request.repo, thread_id)
        return shell.changed(conversation(request, thread, form=MessageForm(request.POST)))
    return shell.go(request, "thread", thread_id)


@require_http_methods(["GET", "HEAD", "POST"])
def mistake(request: InboxRequest, thread_id: str) -> HttpResponse:
    """Say why a thread was opened by mistake; it then leaves every list."""
    thread = threads.get(request.repo, thread_id)
    reason, error = request.POST.get("reason", ""), ""
    if request.method == "POST":
        try:
            threads.mistake(request.repo, thread_id, reason)
            notices.success(request, _("The thread is marked as opened by mistake."))
            return redirect("threads")
        except outcome.Unprocessable as refused:
            error = refused.text
    elif not thread.may_mistake:
        raise outcome.Forbidden()
    context = {"thread": thread, "reason": reason, "error": error, **beside(request, thread), **listing(request)}
    return shell.page(request, "mistake.html", context, fragments=("conversation",), status=422 if error else 200)


@require_safe
def patient(request: InboxRequest, thread_id: str) -> HttpResponse:
    """The rest of the patient panel, which htmx asks for after the page; without it, the page with all of the panel."""
    thread = threads.get(request.repo, thread_id)
    if not request.htmx:
        return conversation(request, thread, whole_panel=True)
    return shell.private(render(request, "clinic/_patient_more.html", {"thread": thread, **beside(request, thread)}))


@require_safe
def unread(request: InboxRequest) -> HttpResponse:
    """The badge alone."""
    return shell.private(render(request, "_badge.html"))


def conversation(
    request: InboxRequest, thread: Thread, *, form: MessageForm | None = None, status: int = 200, **more: Any
) -> HttpResponse:
    """The page of a thread; `form` is what is being written, `more` what the page has to ask or tell."""
    before = request.GET.get("before", "")
    since = "" if before or request.method == "HEAD" else receipts.mark_read(request.repo, thread.id)
    timeline = messages.page(request.repo, thread, before=before, unread_since=since)
    context = {
        "thread": thread,
        "timeline": timeline,
        "before": before,
        "form": form.again(timeline.newest_id) if form else MessageForm.fresh(seen=timeline.newest_id),
        "errors": form.errors.get("text", []) if form else [],
        "answered": answered(request, thread.id, form),
        **beside(request, thread),
        **listing(request),
        **more,
    }
    return shell.page(request, "thread.html", context, fragments=("conversation",), status=status)


def composer(
    request: InboxRequest, thread: Thread, form: MessageForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    """The composer alone: it shows no message, so it marks none as read and knows of none that came since."""
    quote = answered(request, thread.id, form)
    if quote is not None and quote.internal:
        form.initial["kind"] = "note"
    context = {"thread": thread, "form": form, "errors": form.errors.get("text", []), "answered": quote, **more}
    return shell.page(request, "thread.html", context, fragments=("composer",), status=status)


def answered(request: InboxRequest, thread_id: str, form: MessageForm | None) -> Quote | None:
    """The message that the one being written answers, if it answers one."""
    id = str(form["in_response_to"].value() or "") if form else ""
    return messages.quoted(request.repo, thread_id, id) if id else None


def beside(request: InboxRequest, thread: Thread) -> dict[str, Any]:
    """The panel of a thread's patient: asked only by a page that shows it."""
    if thread.patient is None:
        return {}
    patient = thread.patient.reference
    return {
        "panel": cache(lambda: people.patient_panel(request.repo, patient)),
        "care_team": cache(lambda: people.circle(request.repo, patient)),
        "others": cache(lambda: threads.of_patient(request.repo, patient, but=thread.id)),
    }


def listing(request: InboxRequest) -> dict[str, Any]:
    """The list beside every page of the clinic: asked only by a page that shows it, so a fragment costs nothing."""
    scope = threads.default_scope(request.repo)
    chosen = _filter(request, scope)

    def to(**changes: Any) -> str:
        return _query(replace(chosen, cursor="", **changes), scope) or "?"

    return {
        "chosen": chosen,
        "listed": cache(lambda: threads.page(request.repo, chosen)),
        "query": _query(chosen, scope),
        "tag_links": [(label, to(tag=code), code == chosen.tag) for code, label in threads.tags()],
        "to": {
            "open": to(status="open"),
            "closed": to(status="closed"),
            "mine": to(scope="mine"),
            "all": to(scope="all"),
            "unread": to(unread=not chosen.unread),
            "newest": to(),
            "after": to().rstrip("?") + ("&after=" if _query(chosen, scope) else "?after="),
            "no_tag": to(tag=""),
            "no_patient": to(patient=""),
            "no_filter": to(unread=False, tag="", patient=""),
        },
    }


def _filter(request: InboxRequest, scope: str) -> ListFilter:
    asked = request.GET.get
    return ListFilter(
        status="closed" if asked("status") == "closed" else "open",
        scope={"mine": "mine", "all": "all"}.get(asked("scope", ""), scope),
        unread=asked("unread") == "1",
        patient=asked("patient", ""),
        tag=asked("tag", ""),
        cursor=asked("after", ""),
    )


def _query(chosen: ListFilter, scope: str) -> str:
    said = {
        "status": chosen.status if chosen.status != "open" else "",
        "scope": chosen.scope if chosen.scope != scope else "",
        "unread": "1" if chosen.unread else "",
        "patient": chosen.patient,
        "tag": chosen.tag,
    }
    text = urlencode({name: value for name, value in said.items() if value}, safe="/")
    return f"?{text}" if text else ""


def _thread_form(request: InboxRequest, *, finding: bool) -> ThreadForm:
    """The form as it was sent, or as it begins; one that only looks for people is not checked."""
    if request.method == "POST" and not finding:
        return ThreadForm(request.POST)
    typed: dict[str, Any] = {name: request.POST.get(name, "") for name in ThreadForm.base_fields}
    typed |= {"people": request.POST.getlist("people"), "tags": request.POST.getlist("tags")}
    typed["patient"] = typed["patient"] or _patient(request)
    typed["client_id"] = typed["client_id"] or new_client_id()
    return ThreadForm(initial=typed)


def _patient(request: InboxRequest) -> str:
    """The patient whom the link to the form names, as the form writes it."""
    panel = people.patient_panel(request.repo, request.GET.get("patient", ""))
    return "|".join((panel.person.reference, panel.person.name, panel.note)) if panel else ""


def _started(request: InboxRequest, thread_id: str) -> HttpResponse:
    notices.success(request, _("The message is sent."), extra_tags="started")
    return redirect("sent" if shell.name(request) == "portal" else "thread", thread_id)
