"""The URLs: no role in any of them, so that a link means the same page for everybody who may see it."""

from django.urls import URLPattern, include, path
from django.views.generic import RedirectView

from inbox.views import fhir, health, messages, participants, people, server, threads
from inbox.views.errors import View, told


def page(route: str, view: View, name: str) -> URLPattern:
    """A route whose FHIR errors are answered as pages."""
    return path(route, told(view), name=name)


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="threads"), name="home"),
    page("threads/", threads.index, "threads"),
    page("threads/new/", threads.new, "new"),
    page("threads/unread/", threads.unread, "unread"),
    page("threads/<str:thread_id>/", threads.show, "thread"),
    page("threads/<str:thread_id>/sent/", threads.sent, "sent"),
    page("threads/<str:thread_id>/messages/", messages.replies, "messages"),
    page("threads/<str:thread_id>/notes/", messages.notes, "notes"),
    page("threads/<str:thread_id>/close/", threads.close, "close"),
    page("threads/<str:thread_id>/reopen/", threads.reopen, "reopen"),
    page("threads/<str:thread_id>/people/", participants.show, "people"),
    page("threads/<str:thread_id>/people/remove/", participants.remove, "remove"),
    page("threads/<str:thread_id>/mistake/", threads.mistake, "mistake"),
    page("threads/<str:thread_id>/patient/", threads.patient, "patient"),
    page("threads/<str:thread_id>/leave/", participants.leave, "leave"),
    page("people/", people.options, "people-options"),
    page("record/<str:type>/", fhir.index, "records"),
    page("record/<str:type>/<str:id>/", fhir.show, "record"),
    page("record/<str:type>/<str:id>/<str:version>/", fhir.show, "record-version"),
    page("server/", server.show, "server"),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("", include("inbox.api.urls")),
    path("accounts/", include("accounts.urls")),
    path("clients/", include("accounts.client_urls")),
    path("", include("accounts.oauth.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
]

handler400 = "inbox.views.errors.bad_request"
handler403 = "inbox.views.errors.forbidden"
handler404 = "inbox.views.errors.not_found"
handler500 = "inbox.views.errors.server_error"
