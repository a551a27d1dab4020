"""What every view of the API shares: how answers look, which headers they carry, what a bearer's repository is."""

import re
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import http_date, parse_http_date_safe
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inbox.fhir import outcome, r4data, rows
from inbox.fhir.repository import Repository, Written
from inbox.fhir.search import pairs
from inbox.fhir.types import Params, Resource

from . import errors
from .negotiation import FHIRNegotiation, FHIRParser, FHIRRenderer

BASE = "/fhir/R4"
TAG = re.compile(r'(?:W/)?"([!#-~]+)"|([A-Za-z0-9.-]+)')
"""An entity tag. Source: RFC 9110, 8.8.3"""
OUR_PARAMETERS = frozenset({"_format", "_pretty"})
"""Parameters about the form of an answer, which any interaction takes. Source: https://hl7.org/fhir/R4/http.html"""


class FHIRView(APIView):
    """A view that answers FHIR JSON, errors included, and writes the audit trail before the answer leaves."""

    renderer_classes = [FHIRRenderer]
    parser_classes = [FHIRParser]
    content_negotiation_class = FHIRNegotiation
    metadata_class = None  # to OPTIONS the framework would tell about our classes

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = super().dispatch(request, *args, **kwargs)
        repo = getattr(request, "repo", None)
        if repo is not None:
            try:
                repo.trail.write()
            except outcome.FHIRError as error:
                answer = self.finalize_response(self.request, self.handle_exception(error))
        answer["Cache-Control"] = "private, no-cache" if answer.status_code < 300 else "no-store"
        answer["X-Content-Type-Options"] = "nosniff"
        return answer

    def get_exception_handler(self) -> Any:
        return errors.answer

    @property
    def repo(self) -> Repository:
        """The repository as whoever asks may see and change it."""
        found: Repository = self.request._request.repo  # type: ignore[attr-defined]
        return found

    def query(self) -> Params:
        """The parameters of the address, decoded; those about the form of the answer are left out."""
        found = pairs(self.request.META.get("QUERY_STRING", ""))
        return [(name, value) for name, value in found if name not in OUR_PARAMETERS]

    def no_parameters(self) -> None:
        """Refuse parameters where an interaction takes none: a filter that is silently ignored is dangerous."""
        for name, _ in self.query():
            raise outcome.Invalid(f"Unknown parameter “{name}”.", expression=name)

    def body(self, type: str) -> Resource:
        """The resource that was sent, which must be of this type."""
        resource = self.request.data
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise outcome.Invalid("The body is not a FHIR resource.", expression="resourceType")
        if resource["resourceType"] != type:
            text = f"The address takes a {type}, the body is a {resource['resourceType'][:64]}."
            raise outcome.Invalid(text, expression="resourceType")
        return resource

    def url(self, path: str = "") -> str:
        """An absolute address of the API: `url("/Patient/1")`; what has to be is encoded in the path already."""
        return self._base + path

    @cached_property
    def _base(self) -> str:
        return self.request.build_absolute_uri(BASE)

    def match(self) -> str:
        """The version that `If-Match` asks for; empty when it is not given."""
        text = self.request.headers.get("If-Match", "")
        return _version(text, "If-Match") if text else ""

    def stored(self, written: Written, reference: str = "") -> Response:
        """The answer to a write: 201 or 200, where it is, its version, and as much of it as `Prefer` asks for."""
        status = 201 if written.created else 200
        resource = written.resource
        if resource is None:
            text = "This is stored. Your policy does not let you read it."
            return Response(
                said("ok", text), status, headers={"Location": self.url(f"/{reference}")} if reference else None
            )
        headers = versioned(resource)
        place = f"/{resource['resourceType']}/{resource['id']}"
        headers["Location"] = self.url(f"{place}/_history/{resource['meta']['versionId']}")
        headers["Content-Location"] = headers["Location"]
        preference = self.preference("return")
        if preference == "minimal":
            return Response(None, status, headers=headers)
        if preference == "OperationOutcome":
            return Response(said("created" if written.created else "ok", "This is stored."), status, headers=headers)
        return Response(resource, status, headers=headers)

    def preference(self, name: str) -> str:
        """One part of the `Prefer` header, such as `return` or `handling`. Source: RFC 7240."""
        for part in self.request.headers.get("Prefer", "").replace(";", ",").split(","):
            key, _, value = part.strip().partition("=")
            if key.strip().lower() == name:
                return value.strip().strip('"')
        return ""

    def unchanged(self, resource: Resource) -> bool:
        """Whether the reader has this version already, by `If-None-Match` or else `If-Modified-Since`."""
        known = self.request.headers.get("If-None-Match", "")
        if known:
            return known.strip() == "*" or resource["meta"]["versionId"] in [
                _version(one, "If-None-Match") for one in known.split(",")
            ]
        since = parse_http_date_safe(self.request.headers.get("If-Modified-Since", ""))
        return since is not None and rows.micros(resource["meta"]["lastUpdated"]) // 1_000_000 <= since


class TypedView(FHIRView):
    """A view below the address of a resource type; one that this server does not keep is an address that is none."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if kwargs["type"] not in r4data.RESOURCE_TYPES:
            raise outcome.NotFound(f"There is no resource type “{kwargs['type'][:64]}” here.")


def versioned(resource: Resource) -> dict[str, str]:
    """The headers that tell a version: `ETag` and `Last-Modified`."""
    seconds = rows.micros(resource["meta"]["lastUpdated"]) // 1_000_000
    return {"ETag": f'W/"{resource["meta"]["versionId"]}"', "Last-Modified": http_date(seconds)}


def said(id: str, text: str, severity: str = "information", code: str = "informational") -> Resource:
    """An OperationOutcome that says something which is no error."""
    issue = {"severity": severity, "code": code, "details": {"text": text}}
    return {"resourceType": "OperationOutcome", "id": id, "issue": [issue]}


def _version(tag: str, header: str) -> str:
    """The version in `W/"3"`; clients that leave out the quotes are understood."""
    match = TAG.fullmatch(tag.strip())
    if match is None:
        raise outcome.Invalid("This is not an entity tag.", expression=header)
    return match[1] or match[2]
