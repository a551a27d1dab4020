"""The base address itself: batch and transaction Bundles; and every address below it that is none."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from inbox.fhir import outcome

from .base import FHIRView


class Root(FHIRView):
    """`/fhir/R4`: one Bundle of many interactions."""

    def post(self, request: Request) -> Response:
        self.no_parameters()
        bundle = self.body("Bundle")
        match bundle.get("type"):
            case "transaction":
                return Response(self.repo.transaction(bundle))
            case "batch":
                return Response(self.repo.batch(bundle))
        raise outcome.Invalid("The base address takes a Bundle of type batch or transaction.", expression="Bundle.type")


class Nowhere(FHIRView):
    """Any other address, `$graphql` among them."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise outcome.NotFound("There is nothing at this address.")
