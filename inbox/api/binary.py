"""Files, in and out: raw, or as a Binary in FHIR JSON. Source: https://hl7.org/fhir/R4/binary.html"""

import base64
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from django.conf import settings
from django.http.response import HttpResponseBase
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from inbox.fhir import outcome
from inbox.fhir.repository import Content, Upload, Written
from inbox.fhir.types import Resource, split_reference

from . import raw, resources
from .base import FHIRView, versioned
from .negotiation import FHIR_JSON, FHIRNegotiation

TYPE = "Binary"
CHUNK = 64 * 1024
IN_MEMORY = 512 * 1024
"""Bytes of an upload that are held in memory; a larger one waits on disk until it is stored."""
NO_TYPE = "application/octet-stream"


class AnyForm(FHIRNegotiation):
    """A file may be asked for in its own form; whether that or JSON is meant is for the view to see."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return next(iter(renderers)), FHIR_JSON


class Files(resources.Type):
    """`/Binary`: a new file, raw under the type of its content, or as a Binary in FHIR JSON."""

    content_negotiation_class = AnyForm

    def post(self, request: Request, type: str) -> Response:
        if request.headers.get("If-None-Exist"):
            raise outcome.Invalid("Files are not searched.", expression="If-None-Exist")
        if _is_resource(request):
            self.no_parameters()
            return _told(self, self.repo.create(_without_url(self.body(TYPE))))
        name = _name(self)
        with received(request) as stream:
            return _told(self, self.repo.upload(_described(request, {"resourceType": TYPE}), Upload(stream, name)))


class File(resources.Instance):
    """`/Binary/1`: read raw or as JSON; replace in either form; patch what is beside the content; delete."""

    content_negotiation_class = AnyForm

    def get(self, request: Request, type: str, id: str) -> HttpResponseBase:  # type: ignore[override]
        self.no_parameters()
        return _read(self, *self.repo.download(id))

    def put(self, request: Request, type: str, id: str) -> Response:
        if _is_resource(request):
            self.no_parameters()
            resource = _without_url(self.body(TYPE))
            if resource.get("id") != id:
                raise outcome.Invalid("The id in the body is not the one in the address.", expression="Binary.id")
            return _told(self, self.repo.update(resource, if_match=self.match()), f"{TYPE}/{id}")
        name = _name(self)
        with received(request) as stream:
            present = self.repo.read(TYPE, id)
            # What is beside the content stays as it is read here, or the answer is that somebody changed it.
            version = self.match() or present["meta"]["versionId"]
            written = self.repo.upload(_described(request, present), Upload(stream, name), if_match=version)
        return _told(self, written, f"{TYPE}/{id}")


class FileVersion(FHIRView):
    """`/Binary/1/_history/2`: what a file held in one version."""

    content_negotiation_class = AnyForm

    def get(self, request: Request, type: str, id: str, version: str) -> HttpResponseBase:
        self.no_parameters()
        return _read(self, *self.repo.download(id, version))


def _read(view: FHIRView, resource: Resource, content: Content) -> HttpResponseBase:
    """A file as it was asked for: the bytes themselves, or the resource with the bytes in it."""
    request = view.request
    kind = str(resource.get("contentType", NO_TYPE))
    form = request.query_params.get("_format", "")
    if not raw.as_resource(request.headers.get("Accept", ""), form, kind):
        headers = raw.headers(resource)
        if view.unchanged(resource):
            return Response(None, 304, headers=headers)
        return raw.answer(request._request, kind, content, headers)
    headers = {**versioned(resource), "Vary": "Accept"}
    if view.unchanged(resource):
        return Response(None, 304, headers=headers)
    with content.open() as stream:
        data = base64.b64encode(stream.read()).decode()
    return Response({**resource, "data": data}, headers=headers)


def _told(view: FHIRView, written: Written, reference: str = "") -> Response:
    """The answer to a write, with the address that attachments give for this file."""
    answer = view.stored(written, reference)
    if isinstance(answer.data, dict) and answer.data.get("resourceType") == TYPE:
        answer.data = {**answer.data, "url": f"{TYPE}/{answer.data['id']}"}
    return answer


def _is_resource(request: Request) -> bool:
    """Whether the body is a Binary in FHIR JSON; any other type is that of a content."""
    kind = _type(request)
    if kind == "application/fhir+xml":
        raise UnsupportedMediaType(kind, f"A Binary as a resource is {FHIR_JSON}.")
    return kind == FHIR_JSON


def _type(request: Request) -> str:
    return str(request.content_type or "").partition(";")[0].strip().lower()


def _without_url(resource: Resource) -> Resource:
    """A Binary as clients send it back: `url` is our word in answers, not an element of R4."""
    return {name: value for name, value in resource.items() if name != "url"}


def _described(request: Request, present: Resource) -> Resource:
    """The Binary beside a raw content: its type, and what it is said to belong to."""
    found = {**present, "contentType": str(request.content_type or NO_TYPE).strip()}
    context = request.headers.get("X-Security-Context", "").strip()
    if context and not all(split_reference(context)):
        raise outcome.Invalid(
            "X-Security-Context is a reference such as Communication/1.", expression="X-Security-Context"
        )
    return {**found, "securityContext": {"reference": context}} if context else found


def _name(view: FHIRView) -> str:
    """What the file is called by the parameter `_filename`, the only one there is."""
    query = view.query()
    for name, _ in query:
        if name != "_filename":
            raise outcome.Invalid(f"Unknown parameter “{name}”.", expression=name)
    return query[-1][1] if query else ""


@contextmanager
def received(request: Request) -> Iterator[BinaryIO]:
    """The raw body of a request, as a stream that can be read again; raises TooLarge as soon as it is known."""
    limit: int = settings.FHIR_MAX_BINARY_BYTES
    length = request.META.get("CONTENT_LENGTH") or "0"
    size = int(length) if length.isdecimal() else 0
    body = request._request
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        while size <= limit and (chunk := body.read(CHUNK)):
            file.write(chunk)
            size = max(size, file.tell())
        if size > limit:
            raise outcome.TooLarge(f"A file has at most {limit} bytes.")
        yield cast("BinaryIO", file)
