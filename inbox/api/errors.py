"""Errors become HTTP here, once, for the API: always an OperationOutcome with the id that FHIR clients look at."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest
from rest_framework import exceptions
from rest_framework.response import Response

from inbox.fhir import outcome
from inbox.fhir.types import Resource

log = logging.getLogger(__name__)

RETRY_AFTER = 2
"""Seconds after which it is worth asking a busy store again."""

IDS = {
    400: ("invalid", "invalid"),
    401: ("unauthorized", "login"),
    403: ("forbidden", "forbidden"),
    404: ("not-found", "not-found"),
    405: ("method-not-allowed", "not-supported"),
    406: ("not-acceptable", "not-supported"),
    413: ("content-too-large", "too-long"),
    415: ("unsupported-media-type", "not-supported"),
    429: ("too-many-requests", "throttled"),
}


def answer(error: Exception, context: dict[str, Any]) -> Response:
    """What the framework calls for every exception of a view."""
    headers: dict[str, str] = {}
    if isinstance(error, outcome.FHIRError):
        found, status = error.outcome(), error.status
    elif isinstance(error, exceptions.APIException):
        found, status = _framework(error), error.status_code
        headers = _headers(error)
    elif isinstance(error, Http404 | PermissionDenied | SuspiciousOperation):
        status = 404 if isinstance(error, Http404) else 403 if isinstance(error, PermissionDenied) else 400
        found = _outcome(status, "")
    elif isinstance(error, OperationalError):
        busy = outcome.Busy()
        found, status = busy.outcome(), busy.status
    else:
        log.exception("The API failed: %s", type(error).__name__)
        found, status = outcome.FHIRError("Something went wrong here; it is written down.").outcome(), 500
    if status == 503:
        headers["Retry-After"] = str(getattr(error, "retry_after", 0) or RETRY_AFTER)
    answer = Response(found, status, headers=headers)
    answer.exception = True
    return answer


def unknown(request: HttpRequest) -> Resource:
    """The outcome for an address that is none."""
    return _outcome(404, "There is nothing at this address.")


def _framework(error: exceptions.APIException) -> Resource:
    text = str(error.detail) if not isinstance(error.detail, dict | list) else ""
    return _outcome(error.status_code, text)


def _outcome(status: int, text: str) -> Resource:
    id, code = IDS.get(status, ("invalid", "invalid"))
    issue = {"severity": "error", "code": code, "details": {"text": text or "This request can not be answered."}}
    return {"resourceType": "OperationOutcome", "id": id, "issue": [issue]}


def _headers(error: exceptions.APIException) -> dict[str, str]:
    found = {}
    if getattr(error, "auth_header", None):
        found["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    if getattr(error, "wait", None):
        found["Retry-After"] = str(int(error.wait) + 1)  # type: ignore[attr-defined]
    return found
