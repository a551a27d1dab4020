"""What was read is written down before the answer leaves."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inbox.fhir import outcome
from inbox.views import errors


class AuditMiddleware:
    """Keeps the audit trail of a request; without it nothing is shown."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response(request)
        repo = getattr(request, "repo", None)
        if repo is None:
            return answer
        try:
            repo.trail.write()
        except outcome.Busy:
            return errors.failed(request, 503)
        return answer
