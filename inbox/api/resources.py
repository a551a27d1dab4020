"""Interactions with one type and with one resource. Source: https://hl7.org/fhir/R4/http.html"""

from typing import Any
from urllib.parse import urlencode

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from inbox.fhir import controls, outcome, searchset
from inbox.fhir.search import pairs
from inbox.fhir.types import Operations, Params

from .base import OUR_PARAMETERS, TypedView, said, versioned
from .negotiation import FHIRParser, FormParser, PatchParser

VERSIONS = 50
"""Versions on a page of a type's history."""


class Type(TypedView):
    """`/Patient`: search, create, and the conditional forms of update, patch and delete."""

    parser_classes = [FHIRParser, PatchParser]

    def get(self, request: Request, type: str) -> Response:
        return found(self, type, self.query())

    def post(self, request: Request, type: str) -> Response:
        self.no_parameters()
        resource = self.body(type)
        return self.stored(self.repo.create(resource, if_none_exist=request.headers.get("If-None-Exist", "")))

    def put(self, request: Request, type: str) -> Response:
        resource = self.body(type)
        return self.stored(self.repo.update(resource, if_match=self.match(), where=self._where()))

    def patch(self, request: Request, type: str) -> Response:
        operations = patch_of(request)
        return self.stored(self.repo.patch(type, "", operations, if_match=self.match(), where=self._where()))

    def delete(self, request: Request, type: str) -> Response:
        self.repo.delete(type, "", if_match=self.match(), where=self._where())
        return Response(said("ok", "There is nothing here that matches any more."))

    def _where(self) -> str:
        """The condition of a conditional interaction, as it was written; without one it would mean everything."""
        if not self.query():
            raise outcome.Invalid("This needs an id in the address, or a search that names one resource.")
        parts = self.request.META["QUERY_STRING"].split("&")
        return "&".join(one for one in parts if one.partition("=")[0] not in OUR_PARAMETERS)


class Search(TypedView):
    """`/Patient/_search`: a search whose parameters come in a form, beside those of the address."""

    parser_classes = [FormParser]

    def post(self, request: Request, type: str) -> Response:
        # Of an empty body the framework makes an empty dictionary, whatever its type.
        form: Params = pairs(request.data) if isinstance(request.data, str) else []
        return found(self, type, [*self.query(), *(one for one in form if one[0] not in OUR_PARAMETERS)])


class Instance(TypedView):
    """`/Patient/1`: read, update, patch, delete."""

    parser_classes = [FHIRParser, PatchParser]

    def get(self, request: Request, type: str, id: str) -> Response:
        self.no_parameters()
        resource = self.repo.read(type, id)
        headers = versioned(resource)
        return Response(None, 304, headers=headers) if self.unchanged(resource) else Response(resource, headers=headers)

    def put(self, request: Request, type: str, id: str) -> Response:
        self.no_parameters()
        resource = self.body(type)
        if resource.get("id") != id:
            raise outcome.Invalid("The id in the body is not the one in the address.", expression=f"{type}.id")
        return self.stored(self.repo.update(resource, if_match=self.match()), f"{type}/{id}")

    def patch(self, request: Request, type: str, id: str) -> Response:
        self.no_parameters()
        return self.stored(self.repo.patch(type, id, patch_of(request), if_match=self.match()), f"{type}/{id}")

    def delete(self, request: Request, type: str, id: str) -> Response:
        self.no_parameters()
        try:
            self.repo.delete(type, id, if_match=self.match())
        except outcome.Gone:
            # Deleted is what was asked for, and only who could read it learns that it was there.
            return Response(said("ok", "This was deleted before."))
        return Response(said("ok", "This is deleted."))


class History(TypedView):
    """`/Patient/1/_history`: the versions, newest first."""

    def get(self, request: Request, type: str, id: str) -> Response:
        self.no_parameters()
        return Response(searchset.of_history(f"/{type}/{id}", self.repo.history(type, id), self.url))


class Version(TypedView):
    """`/Patient/1/_history/2`: one version."""

    def get(self, request: Request, type: str, id: str, version: str) -> Response:
        self.no_parameters()
        resource = self.repo.vread(type, id, version)
        headers = versioned(resource)
        return Response(None, 304, headers=headers) if self.unchanged(resource) else Response(resource, headers=headers)


class TypeHistory(TypedView):
    """`/Task/_history`: the versions of a whole type, for whom the policy says so (an auditor)."""

    def get(self, request: Request, type: str) -> Response:
        given = dict(self.query())
        for name in given.keys() - {"_count", "_cursor"}:
            raise outcome.Invalid(f"Unknown parameter “{name}”.", expression=name)
        count = controls.page_size(given.get("_count")) or VERSIONS
        page = self.repo.type_history(type, count=count, cursor=given.get("_cursor", ""))
        bundle = searchset.of_history(f"/{type}", page.resources, self.url)
        del bundle["total"]
        if page.next:
            query = urlencode({"_count": count, "_cursor": page.next})
            bundle["link"].append({"relation": "next", "url": self.url(f"/{type}/_history?{query}")})
        return Response(bundle)


def found(view: TypedView, type: str, params: Params) -> Response:
    """The Bundle of a search."""
    page = view.repo.search(type, params, lenient=view.preference("handling") == "lenient")
    return Response(searchset.of_page(type, params, page, view.url))


def patch_of(request: Request) -> Operations:
    """The operations of a JSON Patch body; any other form of patch is refused by name."""
    kind = (request.content_type or "").split(";")[0].strip().lower()
    if kind != PatchParser.media_type:
        raise UnsupportedMediaType(kind, f"A patch is {PatchParser.media_type}.")
    operations: Any = request.data
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise outcome.Invalid("A JSON Patch is a list of operations.")
    return operations
